/** The receiving half of a link: whole messages to the listener, and credit to the sender for what was taken. */
import { LINK_WINDOW_BYTES } from '../../protocol/limits.ts'
import { SLICE_HEADER_BYTES, createAssembler, type DataSlice } from './slices.ts'

/** Credit is sent once this much has been taken since the last: few enough to cost nothing, often enough to never stall. */
const CREDIT_STEP_BYTES = LINK_WINDOW_BYTES / 4

export type Inbox = {
  /** The message that this slice completes. @throws {ClusterError} malformed_frame */
  readonly accept: (slice: DataSlice) => Uint8Array | null
  /** Hands a message to the listener, or keeps it for one. */
  readonly deliver: (message: Uint8Array) => void
  readonly abort: (message: number) => void
  readonly onMessage: (listener: (message: Uint8Array) => void) => void
}

/** @param sendCredit tells the sender all bytes taken so far */
export function createInbox(sendCredit: (takenBytes: number) => void): Inbox {
  const assembler = createAssembler()
  /** Whole messages that wait for a listener. */
  const kept: Uint8Array[] = []
  let keptBytes = 0
  let listener: ((message: Uint8Array) => void) | null = null
  let takenBytes = 0
  let heldBackBytes = 0
  let creditedBytes = 0

  const take = (bytes: number): void => {
    takenBytes += bytes
    if (takenBytes - creditedBytes < CREDIT_STEP_BYTES) return
    creditedBytes = takenBytes
    sendCredit(takenBytes)
  }
  return {
    accept: (slice) => {
      const outcome = assembler.accept(slice)
      if (outcome === 'duplicate') return null
      const bytes = SLICE_HEADER_BYTES + slice.payload.length
      // A reader that takes nothing gets nothing more than the window.
      if (listener || keptBytes < LINK_WINDOW_BYTES / 2) take(bytes)
      else heldBackBytes += bytes
      return outcome === 'unfinished' ? null : outcome
    },
    deliver: (message) => {
      if (listener) return listener(message)
      kept.push(message)
      keptBytes += message.length
    },
    abort: assembler.abort,
    onMessage: (next) => {
      listener = next
      for (const message of kept.splice(0)) next(message)
      keptBytes = 0
      const bytes = heldBackBytes
      heldBackBytes = 0
      take(bytes)
    },
  }
}
