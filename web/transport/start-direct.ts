/** Direct paths, whose code comes with the first of them: the page is drawn before anyone is met. */
import type { DirectAttempt, StartDirect } from '../../core/link/direct-path.ts'

/** As `startWebRtc`; what the other side says meanwhile waits for it. Fails when the code cannot be fetched: the link stays a relayed one. */
export const startDirect: StartDirect = (options) => {
  const waiting: Parameters<DirectAttempt['signal']>[] = []
  let attempt: DirectAttempt | null = null
  let isAbandoned = false
  import('./webrtc-channel.ts').then(
    ({ startWebRtc }) => {
      if (isAbandoned) return
      attempt = startWebRtc(options)
      for (const signal of waiting) attempt.signal(...signal)
    },
    () => {
      if (!isAbandoned) options.onFail('the code for direct connections could not be fetched')
    },
  )
  return {
    signal: (...signal) => {
      if (attempt) attempt.signal(...signal)
      else waiting.push(signal)
    },
    abandon: () => {
      isAbandoned = true
      attempt?.abandon()
    },
  }
}
