#!/usr/bin/env bash
# Starts a real Keycloak for end-to-end tests on 127.0.0.1 and waits until its realm answers.
#
#   start-keycloak.sh [--cache DIR] [--realm FILE] [--run DIR] [--port N] [--version V] [--timeout S] [--keep]
#
# Each option may also come from the environment: KEYCLOAK_CACHE, KEYCLOAK_REALM, KEYCLOAK_RUN,
# KEYCLOAK_PORT, KEYCLOAK_VERSION, KEYCLOAK_TIMEOUT.
#   --cache    where the distribution, its optimised build and the seeded databases are kept (outside any repository);
#              default ${XDG_CACHE_HOME:-~/.cache}/kestra-mcp/keycloak
#   --realm    the realm import file; default realm-kestra.json beside this script
#   --run      the run folder: data, log, pid file; default CACHE/run-PORT. Emptied at each start unless --keep
#   --keep     go on with the data that is in the run folder (a restart of the same server)
# Needs: bash, tar, curl, sha256sum, flock, a JDK 17 or newer, and mvn when the cache is empty.
# Prints ISSUER=, PID_FILE=, LOG_FILE=, ADMIN_URL= on stdout; everything else goes to stderr.
set -euo pipefail

cache=${KEYCLOAK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kestra-mcp/keycloak}
realm_file=${KEYCLOAK_REALM:-$(dirname "$0")/realm-kestra.json} run=${KEYCLOAK_RUN:-}
port=${KEYCLOAK_PORT:-8180} version=${KEYCLOAK_VERSION:-26.7.3} timeout=${KEYCLOAK_TIMEOUT:-240} keep=
while [ $# -gt 0 ]; do
  case $1 in
    --cache) cache=$2; shift 2 ;;   --realm) realm_file=$2; shift 2 ;;  --run) run=$2; shift 2 ;;
    --port) port=$2; shift 2 ;;     --version) version=$2; shift 2 ;;   --timeout) timeout=$2; shift 2 ;;
    --keep) keep=1; shift ;;
    *) echo "unknown argument: $1" >&2; exit 2 ;;
  esac
done
say() { echo "keycloak: $*" >&2; }
die() { say "$*"; exit 1; }
[ -f "$realm_file" ] || die "there is no $realm_file"
realm_file=$(readlink -f "$realm_file")
mkdir -p "$cache"; cache=$(readlink -f "$cache")
if command -v git >/dev/null && top=$(git -C "$cache" rev-parse --show-toplevel 2>/dev/null); then
  die "the cache folder must not lie in a repository ($top)"
fi
run=${run:-$cache/run-$port}; mkdir -p "$run"; run=$(readlink -f "$run")
if [ -n "$(ls -A "$run")" ] && [ ! -f "$run/.keycloak-run" ]; then die "$run is not empty and not a run folder of this script"; fi
realm=$(sed -n 's/^[[:space:]{]*"realm"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$realm_file" | head -1)
[ -n "$realm" ] || die "no \"realm\" name in $realm_file"
base=http://127.0.0.1:$port issuer=$base/realms/$realm
if curl -s -o /dev/null --max-time 2 "$base/"; then die "something answers on port $port already"; fi

# C1 only and the serial collector: a third less CPU and memory than the defaults for a server that lives minutes.
export JAVA_OPTS_KC_HEAP=${JAVA_OPTS_KC_HEAP:-"-Xms64m -Xmx512m"}
export JAVA_OPTS_APPEND=${JAVA_OPTS_APPEND:-"-XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC"}
export KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin-password

home_of() { # home_of DIR: a Keycloak home that shares the cached build, with its own data
  rm -rf "$1"; mkdir -p "$1/data"; touch "$1/.keycloak-run"
  cp -r "$dist/bin" "$dist/conf" "$dist/version.txt" "$1/"
  local d; for d in lib providers themes; do ln -s "$dist/$d" "$1/$d"; done
}
gone() { ! kill -0 "$1" 2>/dev/null; }
starting=; trap '[ -z "$starting" ] || kill "$starting" 2>/dev/null || true' EXIT   # nothing is left behind on failure or Ctrl-C
launch() { # launch HOME PORT [ARGS]: starts it, leaves the pid in HOME/keycloak.pid
  local home=$1 p=$2; shift 2
  setsid "$home/bin/kc.sh" start --optimized --cache=local --http-enabled=true --http-host=127.0.0.1 --http-port="$p" \
    --hostname="http://127.0.0.1:$p" "$@" >"$home/keycloak.log" 2>&1 9>&- </dev/null &
  starting=$!; echo "$starting" >"$home/keycloak.pid"
}
await() { # await HOME PORT: until the realm's discovery document is there
  local pid url end; pid=$(cat "$1/keycloak.pid"); url=http://127.0.0.1:$2/realms/$realm/.well-known/openid-configuration
  end=$((SECONDS + timeout))
  until [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "$url")" = 200 ]; do
    gone "$pid" && { starting=; tail -20 "$1/keycloak.log" >&2; die "it ended while starting"; }
    [ $SECONDS -lt $end ] || { tail -20 "$1/keycloak.log" >&2; die "not ready after $timeout s"; }
    sleep 0.2
  done
}

exec 9>"$cache/.lock"; flock 9   # one preparation at a time
dist=$cache/keycloak-$version
if [ ! -f "$dist/.built" ]; then
  archive=$cache/keycloak-quarkus-dist-$version.tar.gz
  if [ ! -f "$archive" ]; then
    say "downloading $version"; t=$SECONDS
    (cd "$cache" && mvn -q -B -Dstyle.color=never org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
      -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:tar.gz" -DoutputDirectory="$cache" -Dmdep.overWriteReleases=true) >&2
    say "downloaded in $((SECONDS - t)) s"
  fi
  say "building"; t=$SECONDS
  rm -rf "$dist" "$dist.tmp"; mkdir -p "$dist.tmp"
  tar xzf "$archive" -C "$dist.tmp" --strip-components=1
  mv "$dist.tmp" "$dist"
  "$dist/bin/kc.sh" build --db=dev-file --health-enabled=false --metrics-enabled=false >"$dist/build.log" 2>&1 \
    || { tail -20 "$dist/build.log" >&2; die "the build failed"; }
  touch "$dist/.built"; say "built in $((SECONDS - t)) s"
fi
seed=$cache/seed-$version-$(sha256sum "$realm_file" | cut -c1-16).mv.db
if [ ! -f "$seed" ]; then
  say "importing realm $realm"; t=$SECONDS; tmp=$cache/seed-home
  home_of "$tmp"; mkdir "$tmp/data/import"; cp "$realm_file" "$tmp/data/import/$realm-realm.json"
  launch "$tmp" "$port" --import-realm; await "$tmp" "$port"
  pid=$(cat "$tmp/keycloak.pid"); kill "$pid"; until gone "$pid"; do sleep 0.1; done; starting=
  grep -q "Realm '$realm' imported" "$tmp/keycloak.log" || { tail -20 "$tmp/keycloak.log" >&2; die "the realm was not imported"; }
  mv "$tmp/data/h2/keycloakdb.mv.db" "$seed"; rm -rf "$tmp"; say "imported in $((SECONDS - t)) s"
fi
flock -u 9; exec 9>&-

t=$SECONDS
if [ -n "$keep" ] && [ -f "$run/data/h2/keycloakdb.mv.db" ]; then say "going on with the data in $run"
else home_of "$run"; mkdir "$run/data/h2"; cp "$seed" "$run/data/h2/keycloakdb.mv.db"; fi
launch "$run" "$port"; await "$run" "$port"; starting=
say "ready in $((SECONDS - t)) s"
echo "ISSUER=$issuer"
echo "PID_FILE=$run/keycloak.pid"
echo "LOG_FILE=$run/keycloak.log"
echo "ADMIN_URL=$base"
