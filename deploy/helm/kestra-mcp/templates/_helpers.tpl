{{- define "kestra-mcp.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "kestra-mcp.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "kestra-mcp.labels" -}}
{{ include "kestra-mcp.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "kestra-mcp.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "kestra-mcp.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "kestra-mcp.image" -}}
{{- with .Values.image -}}
{{- .repository -}}{{- if .digest -}}@{{ .digest }}{{- else -}}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kestra-mcp.host" -}}
{{- (urlParse .Values.settings.KESTRA_MCP_PUBLIC_URL).host | splitList ":" | first -}}
{{- end -}}

{{/* "true" if more than one replica may run at a time. */}}
{{- define "kestra-mcp.several" -}}
{{- or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) -}}
{{- end -}}

{{/* What cannot work fails here, with what to do. */}}
{{- define "kestra-mcp.refuse" -}}
{{- $v := .Values -}}
{{- if not $v.image.repository -}}
{{- fail "\n\nimage.repository: name the image. Build it from the repository's Dockerfile and push it to your registry." -}}
{{- end -}}
{{- range $name := list "KESTRA_API_URL" "KESTRA_MCP_PUBLIC_URL" "OIDC_ISSUER_URL" -}}
{{- if not (get $v.settings $name) -}}
{{- fail (printf "\n\nsettings.%s is needed." $name) -}}
{{- end -}}
{{- end -}}
{{- if not (hasPrefix "https://" $v.settings.KESTRA_MCP_PUBLIC_URL) -}}
{{- fail "\n\nsettings.KESTRA_MCP_PUBLIC_URL: tokens travel over it, so it begins with https://." -}}
{{- end -}}
{{- range $name := list "ENCRYPTION_KEY" "ENCRYPTION_KEYS" "OIDC_CLIENT_SECRET" "KESTRA_API_TOKEN" "KESTRA_PASSWORD" "KESTRA_MCP_CLIENTS" "OTEL_EXPORTER_OTLP_HEADERS" -}}
{{- if hasKey $v.settings $name -}}
{{- fail (printf "\n\nsettings.%s: that is a secret. Put it into a Secret and name it under secretSettings." $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "KESTRA_MCP_HOST" "KESTRA_MCP_PORT" "KESTRA_MCP_STORE" "KESTRA_MCP_TRANSPORT" "KESTRA_MCP_POLICY" "KESTRA_MCP_METRICS_PORT" "KESTRA_MCP_METRICS_HOST" -}}
{{- if hasKey $v.settings $name -}}
{{- fail (printf "\n\nsettings.%s: the chart sets it, by store, policy, service and metrics." $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $place := $v.secretSettings -}}
{{- if and (kindIs "string" $place) (not $v.existingSecret) -}}
{{- fail (printf "\n\nexistingSecret: name the Secret that has %s.\nMake the key with: kestra-mcp generate-key" $name) -}}
{{- end -}}
{{- end -}}
{{- if not (or (hasKey $v.secretSettings "ENCRYPTION_KEY") (hasKey $v.secretSettings "ENCRYPTION_KEYS")) -}}
{{- fail "\n\nsecretSettings: ENCRYPTION_KEY or ENCRYPTION_KEYS is needed; it seals what is stored." -}}
{{- end -}}
{{- if eq $v.store.kind "sqlite" -}}
{{- if eq (include "kestra-mcp.several" .) "true" -}}
{{- fail "\n\nstore.kind=sqlite is one file for one replica: set replicaCount=1 and autoscaling.enabled=false, or store.kind=postgres." -}}
{{- end -}}
{{- if hasKey $v.secretSettings "KESTRA_MCP_STORE" -}}
{{- fail "\n\nsecretSettings.KESTRA_MCP_STORE is a PostgreSQL URL: set store.kind=postgres too." -}}
{{- end -}}
{{- else if not (hasKey $v.secretSettings "KESTRA_MCP_STORE") -}}
{{- fail "\n\nstore.kind=postgres: secretSettings.KESTRA_MCP_STORE is needed, the key that has postgres://user:password@host/database." -}}
{{- end -}}
{{- if and $v.gateway.enabled (not $v.gateway.parentRefs) -}}
{{- fail "\n\ngateway.parentRefs: name the Gateway that the route belongs to." -}}
{{- end -}}
{{- if and $v.metrics.serviceMonitor.enabled (not $v.metrics.enabled) -}}
{{- fail "\n\nmetrics.serviceMonitor.enabled needs metrics.enabled." -}}
{{- end -}}
{{- end -}}
