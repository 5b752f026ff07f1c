import type { Line } from './dialect.ts';

const log = 'io.kestra.plugin.core.log.Log';
const returns = 'io.kestra.plugin.core.debug.Return';

/** The flows of a small company, by namespace and id. */
export function seedFlows(line: Line): string[] {
  const loop = line === '1.3' ? 'io.kestra.plugin.core.flow.ForEach' : 'io.kestra.plugin.core.flow.Loop';
  const round = line === '1.3' ? 'taskrun.value' : 'item.value';
  return [
    `id: daily_sales_report
namespace: acme.data
description: Sums up yesterday's sales and writes the report.
labels:
  team: data
  tier: gold
inputs:
  - id: country
    type: SELECT
    description: Which market to report on
    values: [DE, FR, US]
    defaults: DE
  - id: day
    type: DATE
    required: false
  - id: limit
    type: INT
    min: 1
    max: 1000
    defaults: 100
  - id: dry_run
    type: BOOL
    defaults: false
tasks:
  - id: extract
    type: ${returns}
    format: "{{ inputs.limit }} rows of {{ inputs.country }}"
  - id: report
    type: ${log}
    message: "Report for {{ inputs.country }}: {{ outputs.extract.value }}"
outputs:
  - id: summary
    type: STRING
    value: "{{ outputs.extract.value }}"
triggers:
  - id: every_morning
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 6 * * *"
`,
    `id: orders_pipeline
namespace: acme.data
description: Ingests the raw orders, then refreshes what is built on them.
labels:
  team: data
tasks:
  - id: ingest
    type: io.kestra.plugin.core.flow.Subflow
    namespace: acme.data.raw
    flowId: ingest_orders
    inputs:
      source: shop
  - id: refresh
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - id: orders_table
        type: ${returns}
        format: orders refreshed
      - id: customers_table
        type: ${returns}
        format: customers refreshed
  - id: done
    type: ${log}
    message: Pipeline done
`,
    `id: each_country
namespace: acme.data
description: Runs a check for every market.
tasks:
  - id: markets
    type: ${loop}
    values: ["DE", "FR", "US"]
    tasks:
      - id: check
        type: ${log}
        message: "Checking {{ ${round} }}"
`,
    `id: ingest_orders
namespace: acme.data.raw
description: Copies the orders of a source into the lake.
inputs:
  - id: source
    type: STRING
tasks:
  - id: connect
    type: ${log}
    message: "Connecting to {{ inputs.source }}"
  - id: copy
    type: ${returns}
    format: "s3://lake/orders/{{ inputs.source }}.parquet"
outputs:
  - id: file
    type: STRING
    value: "{{ outputs.copy.value }}"
`,
    `id: cleanup_tmp
namespace: acme.ops
description: Empties the temporary volume. It has been failing lately.
labels:
  team: ops
tasks:
  - id: measure
    type: ${log}
    message: Measuring /mnt/tmp
  - id: delete
    type: io.kestra.plugin.core.execution.Fail
    errorMessage: "No space left on device: /mnt/tmp"
errors:
  - id: page_on_call
    type: ${log}
    level: ERROR
    message: Cleanup failed, paging whoever is on call
`,
    `id: long_backup
namespace: acme.ops
description: Backs up the warehouse; takes an hour.
tasks:
  - id: snapshot
    type: io.kestra.plugin.core.flow.Sleep
    duration: PT1H
  - id: verify
    type: ${log}
    message: Snapshot verified
triggers:
  - id: sundays
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 2 * * 0"
    disabled: true
`,
    `id: approve_release
namespace: acme.ops
description: Waits for somebody to approve, then releases.
inputs:
  - id: release
    type: STRING
tasks:
  - id: wait_for_approval
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - id: approved
        type: BOOL
      - id: comment
        type: STRING
        required: false
  - id: release
    type: ${log}
    message: "Release {{ inputs.release }} approved: {{ outputs.wait_for_approval.onResume.approved }}"
`,
    `id: retired_job
namespace: acme.ops
description: Not used any more.
disabled: true
tasks:
  - id: nothing
    type: ${log}
    message: nothing
`,
    `id: hello
namespace: other.team
description: Says hello.
inputs:
  - id: name
    type: STRING
    defaults: world
tasks:
  - id: greet
    type: ${log}
    message: "Hello {{ inputs.name }}"
`,
  ];
}

/** The apps of the company (EE). */
export const seedApps: readonly string[] = [
  `id: sales_report
type: io.kestra.plugin.ee.apps.Execution
displayName: Sales report
description: Ask for a sales report
namespace: acme.data
flowId: daily_sales_report
tags: [Reporting]
access:
  type: PRIVATE
layout:
  - on: OPEN
    blocks:
      - type: io.kestra.plugin.ee.apps.core.blocks.Markdown
        content: "## Sales report"
`,
  `id: approve_release
type: io.kestra.plugin.ee.apps.Execution
displayName: Approve a release
namespace: acme.ops
flowId: approve_release
tags: [Ops]
access:
  type: PRIVATE
layout:
  - on: OPEN
    blocks: []
`,
];
