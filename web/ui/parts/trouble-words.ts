/** What went wrong on a lending device, and the next step: a sentence each for what `faults.md` knows of devices (15 to 18). */
import type { ErrorCode, WireError } from '../../../protocol/errors.ts'
import { sentenceOf } from './error-phrase.ts'

/** What a person can do; what happened is the error's own message, which names file, host or bytes. */
const NEXT_STEPS: Partial<Record<ErrorCode, string>> = {
  not_enough_memory: 'Lend less memory below what this device really has free, close other tabs, or leave the model to devices with more memory.',
  source_unavailable:
    'What has come is kept and the download goes on from there. Check the network; if it stays so, ask whoever runs the cluster whether the address is right.',
  bad_checkpoint: 'Nothing of it was kept. It is fetched again by itself; if it comes back, the files at their source are damaged.',
  unsupported_backend: 'Choose another way to compute under “More choices”, or leave it to Ringlet.',
  unsupported_model: 'Another model may run here; the Models page says which.',
  link_closed: 'Check the network of this device; it joins again by itself.',
  internal: 'Leave and join again. If it comes back, reload the page.',
}

/** The message as a sentence, and the next step behind it. */
export function troubleWords({ code, message }: Pick<WireError, 'code' | 'message'>): string {
  const step = NEXT_STEPS[code]
  return step === undefined ? sentenceOf(message) : `${sentenceOf(message)} ${step}`
}
