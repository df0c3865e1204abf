/** Who may begin at the head: as many answers as all shards have memory for, the others wait in line and are told where they stand. */
import { ClusterError } from '../../protocol/errors.ts'
import type { PeerId, SequenceId } from '../../protocol/ids.ts'
import type { Job } from '../../protocol/ring.ts'
import type { StageCore } from './stage-core.ts'
import { createWaitingLine } from './waiting-line.ts'

export type HeadAdmission = {
  /** Begins with a job, puts it in line, or refuses it. */
  readonly offer: (id: SequenceId, job: Job) => void
  readonly isWaiting: (id: SequenceId) => boolean
  readonly drop: (id: SequenceId) => void
  /** Begins with those for whom there is room now, and tells the others. */
  readonly look: () => void
  readonly retain: (isHere: (client: PeerId) => boolean) => void
  /** Nobody here waits any more. */
  readonly refuseAll: (reason: ClusterError) => void
}

/** Who waits hears that it does this often: before a client grows impatient. */
const TELL_MS = 2_000

export function createHeadAdmission(core: StageCore, begin: (id: SequenceId, job: Job) => void): HeadAdmission {
  const { now, post, base } = core
  const line = createWaitingLine(core.room, core.mostWaiting)
  const startedAt = new Map<SequenceId, number>()
  let toldAt = Number.NEGATIVE_INFINITY

  const tell = (): void => {
    toldAt = now()
    for (const { id, job, place } of line.all()) post(job.client, { ...base(id), type: 'waiting', ...place })
  }
  const refuse = (id: SequenceId, client: PeerId, { code, message, detail }: ClusterError): void => {
    const { retryAfterSeconds } = detail
    post(client, { ...base(id), type: 'failure', code, message, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) })
  }
  const hasRoom = (): boolean => core.sequences.size < core.room()
  const start = (id: SequenceId, job: Job): void => {
    startedAt.set(id, now())
    begin(id, job)
  }

  function look(): void {
    for (const [id, at] of startedAt) {
      if (core.sequences.has(id)) continue
      startedAt.delete(id)
      line.ended(now() - at)
    }
    let isChanged = false
    while (hasRoom()) {
      const next = line.next()
      if (!next) break
      isChanged = true
      if (!core.isForgotten(next.id)) start(next.id, next.job)
    }
    if (isChanged || now() - toldAt >= TELL_MS) tell()
  }

  core.onFreed(look)
  return {
    offer: (id, job) => {
      // What has begun goes on: its memory is given, here or under an older placement.
      if (core.sequences.has(id) || job.resumes || (hasRoom() && line.all().length === 0)) return start(id, job)
      if (core.isForgotten(id)) return
      if (line.add(id, job)) return tell()
      const detail = { retryAfterSeconds: line.retryAfterSeconds() }
      refuse(id, job.client, new ClusterError('queue_full', 'as many questions wait as this ring keeps in line; try again later', { detail }))
    },
    isWaiting: line.has,
    drop: line.drop,
    look,
    retain: (isHere) => {
      for (const { id, job } of line.all()) if (!isHere(job.client)) line.drop(id)
    },
    refuseAll: (reason) => {
      for (const { id, job } of line.all()) {
        line.drop(id)
        refuse(id, job.client, reason)
      }
    },
  }
}
