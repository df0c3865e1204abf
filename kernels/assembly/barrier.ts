// Threads meet: nobody passes before all have come. They spin for some microseconds, then sleep.
// One counter that only grows, as no reset can race with it: of 64 bits, it never comes round.
import { FRAME_ARRIVED } from '../opcodes'

// Meant to be about what waking one costs.
const SPINS: u32 = 20000

export function meet(frame: usize, parts: u32): void {
  const counter = frame + (FRAME_ARRIVED << 2)
  const ticket = atomic.add<i64>(counter, 1)
  const goal: i64 = (ticket / <i64>parts + 1) * <i64>parts
  if (ticket + 1 == goal) {
    atomic.notify(counter, -1)
    return
  }
  for (let spin: u32 = 0; spin < SPINS; spin++) if (atomic.load<i64>(counter) >= goal) return
  let now = atomic.load<i64>(counter)
  while (now < goal) {
    atomic.wait<i64>(counter, now, -1)
    now = atomic.load<i64>(counter)
  }
}
