import { toClusterError, toWireError, type WireError } from '../../../protocol/errors.ts'

/** Does what a person asked for. @returns why it failed, for an `error-note`; null when it did not */
export async function failureOf(work: () => Promise<unknown>): Promise<WireError | null> {
  try {
    await work()
    return null
  } catch (thrown) {
    return toWireError(toClusterError(thrown))
  }
}
