/** Many random kernel calls against their references. */
import { attendCall } from './simd-attention.ts'
import { createCaller, seededRandom, type CallerOptions, type KernelCaller, type Random } from './simd-call.ts'
import { combineCall, routeCall, shortlistCall } from './simd-choices.ts'
import { activateCall, addCall, convolveCall, mapCall, normCall, rotateCall } from './simd-elements.ts'
import { expertCall, productCall } from './simd-products.ts'
import type { Worst } from './simd-worst.ts'

type Call = (caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst) => void

const CALLS: readonly Call[] = [
  productCall,
  productCall,
  productCall,
  expertCall,
  normCall,
  activateCall,
  mapCall,
  addCall,
  rotateCall,
  convolveCall,
  attendCall,
  attendCall,
  routeCall,
  combineCall,
  shortlistCall,
]
/** Part of the calls that are fed what is no number: they must end, and write nowhere else. */
const EXTREME_PART = 0.2

export type SweepReport = {
  readonly calls: number
  /** Largest error of each kernel as a share of its bound. */
  readonly worst: Readonly<Record<string, number>>
  /** Seeds of calls that went over a bound or over the edge of a buffer. */
  readonly failures: readonly string[]
}

/** Each call has a seed of its own: `sweep(1, seed, options)` repeats it. */
export function sweep(calls: number, firstSeed: number, options: CallerOptions): SweepReport {
  const worst: Record<string, number> = {}
  const failures: string[] = []
  const caller = createCaller(seededRandom(firstSeed), options)
  for (let i = 0; i < calls; i++) {
    const seed = firstSeed + i
    const random = seededRandom(seed)
    const call = CALLS[Math.floor(random() * CALLS.length)] ?? productCall
    caller.reset()
    call(caller, random, random() < EXTREME_PART, (name, error, bound) => {
      const share = error <= bound ? (bound === 0 ? 0 : error / bound) : Infinity
      worst[name] = Math.max(worst[name] ?? 0, share)
      if (share > 1) failures.push(`seed ${seed}: ${name} is off by ${error}, bound ${bound}`)
    })
    if (!caller.guardsHold()) failures.push(`seed ${seed}: ${call.name} wrote outside of its buffers`)
  }
  return { calls, worst, failures }
}
