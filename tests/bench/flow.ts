/** The flow that is read: of a common size. */
export const flow = {
  namespace: 'company.team',
  id: 'daily_report',
  source: `id: daily_report
namespace: company.team
description: Fetches the orders of a day, sums them up and says so.
labels:
  team: reporting
  env: prod
inputs:
  - id: day
    type: DATE
    required: false
  - id: currency
    type: STRING
    defaults: EUR
variables:
  source: https://orders.example.com/api/v2/orders
tasks:
  - id: fetch
    type: io.kestra.plugin.core.http.Request
    uri: "{{ vars.source }}?day={{ inputs.day ?? now() | date('yyyy-MM-dd') }}"
    timeout: PT1M
    retry:
      type: constant
      interval: PT5S
      maxAttempts: 3
  - id: each_region
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - id: europe
        type: io.kestra.plugin.core.debug.Return
        format: "{{ outputs.fetch.body }} in {{ inputs.currency }}"
      - id: asia
        type: io.kestra.plugin.core.debug.Return
        format: "{{ outputs.fetch.body }} in {{ inputs.currency }}"
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: "The report of {{ inputs.day }} is done: {{ outputs.europe.value }}, {{ outputs.asia.value }}"
triggers:
  - id: every_morning
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 6 * * *"
`,
};
