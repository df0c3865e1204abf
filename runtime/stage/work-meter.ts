/** Counts what a device computes: tokens that went through its layers, and sequences that began on it. */
import { ClusterError } from '../../protocol/errors.ts'
import type { ShardRunner } from '../shard-runner.ts'

export type Work = {
  /** Tokens of prompts and answers, each once a pass through this device. */
  readonly tokens: number
  /** Questions for which it made a KV cache. */
  readonly requests: number
}

/** The same runner, whose runs are counted once they are done. Refused runs count nothing. */
export function countingRunner(runner: ShardRunner, onWork: (done: Work) => void): ShardRunner {
  return {
    ...runner,
    open: (sequence, maxTokens) => {
      const isNew = runner.cached(sequence) === null
      runner.open(sequence, maxTokens)
      if (isNew) onWork({ tokens: 0, requests: 1 })
    },
    run: async (run) => {
      const output = await runner.run(run)
      onWork({ tokens: run.count, requests: 0 })
      return output
    },
    runBatch: (runs, deliver) =>
      runner.runBatch(runs, (index, output) => {
        if (!(output instanceof ClusterError)) onWork({ tokens: runs[index]?.count ?? 0, requests: 0 })
        return deliver(index, output)
      }),
  }
}
