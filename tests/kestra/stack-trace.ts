import type { Line } from './dialect.ts';

/** Where the recorded servers were when a Fail task failed. */
const frames: Record<Line, readonly string[]> = {
  '1.3': [
    'io.kestra.plugin.core.execution.Fail.run(Fail.java:141)',
    'io.kestra.plugin.core.execution.Fail.run(Fail.java:20)',
    'io.kestra.worker.WorkerTaskCallable.doCall(WorkerTaskCallable.java:83)',
    'io.kestra.worker.AbstractWorkerCallable.call(AbstractWorkerCallable.java:66)',
    'io.kestra.worker.WorkerSecurityService.callInSecurityContext(WorkerSecurityService.java:11)',
    'io.kestra.worker.DefaultWorker.lambda$callJob$0(DefaultWorker.java:1023)',
    'io.kestra.core.trace.NoopTracer.inCurrentContext(NoopTracer.java:16)',
    'io.kestra.worker.DefaultWorker.callJob(DefaultWorker.java:1019)',
    'io.kestra.worker.DefaultWorker.runAttempt(DefaultWorker.java:957)',
    'io.kestra.worker.DefaultWorker.run(DefaultWorker.java:743)',
    'io.kestra.worker.DefaultWorker.handleTask(DefaultWorker.java:378)',
    'io.kestra.worker.DefaultWorker.lambda$run$8(DefaultWorker.java:296)',
    'io.micrometer.core.instrument.internal.TimedRunnable.run(TimedRunnable.java:49)',
    'java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1090)',
    'java.base/java.util.concurrent.ThreadPoolExecutor$Worker.run(ThreadPoolExecutor.java:614)',
    'java.base/java.lang.Thread.run(Thread.java:1474)',
  ],
  '2.0': [
    'io.kestra.plugin.core.execution.Fail.run(Fail.java:140)',
    'io.kestra.plugin.core.execution.Fail.run(Fail.java:20)',
    'io.kestra.worker.processors.internals.WorkerTaskCallable.doCall(WorkerTaskCallable.java:86)',
    'io.kestra.worker.processors.internals.AbstractWorkerCallable.call(AbstractWorkerCallable.java:73)',
    'io.kestra.worker.WorkerSecurityService.callInSecurityContext(WorkerSecurityService.java:12)',
    'io.kestra.worker.processors.AbstractWorkerJobProcessor.lambda$callJob$0(AbstractWorkerJobProcessor.java:83)',
    'io.kestra.core.trace.NoopTracer.inCurrentContext(NoopTracer.java:16)',
    'io.kestra.worker.processors.AbstractWorkerJobProcessor.callJob(AbstractWorkerJobProcessor.java:78)',
    'io.kestra.worker.processors.WorkerTaskProcessor.runAttempt(WorkerTaskProcessor.java:402)',
    'io.kestra.worker.processors.WorkerTaskProcessor.runTask(WorkerTaskProcessor.java:258)',
    'io.kestra.worker.processors.WorkerTaskProcessor.runTask(WorkerTaskProcessor.java:179)',
    'io.kestra.worker.processors.WorkerTaskProcessor.doProcess(WorkerTaskProcessor.java:101)',
    'io.kestra.worker.processors.WorkerTaskProcessor.doProcess(WorkerTaskProcessor.java:55)',
    'io.kestra.worker.processors.AbstractWorkerJobProcessor.process(AbstractWorkerJobProcessor.java:57)',
    'io.kestra.worker.WorkerJobExecutor$WorkerJobConsumer.lambda$doOnLoop$0(WorkerJobExecutor.java:316)',
    'io.micrometer.core.instrument.internal.TimedRunnable.run(TimedRunnable.java:49)',
    'java.base/java.util.concurrent.Executors$RunnableAdapter.call(Executors.java:545)',
    'java.base/java.util.concurrent.FutureTask.run(FutureTask.java:328)',
    'java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1090)',
    'java.base/java.util.concurrent.ThreadPoolExecutor$Worker.run(ThreadPoolExecutor.java:614)',
    'java.base/java.lang.Thread.run(Thread.java:1474)',
  ],
};

/** The text of a Java exception as it stands in a task's log. */
export function trace(message: string, line: Line, type = 'java.lang.Exception'): string {
  return `${type}: ${message}\n${frames[line].map((frame) => `\tat ${frame}\n`).join('')}`;
}
