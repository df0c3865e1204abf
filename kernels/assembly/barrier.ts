// Threads meet: nobody passes before all have come. They spin for microseconds, then sleep.
import { FRAME_ARRIVED, FRAME_TURN } from '../opcodes'

const SPINS: u32 = 2000

export function meet(frame: usize, parts: u32): void {
  const arrived = frame + (FRAME_ARRIVED << 2)
  const turn = frame + (FRAME_TURN << 2)
  const current = atomic.load<i32>(turn)
  if (<u32>atomic.add<i32>(arrived, 1) + 1 == parts) {
    atomic.store<i32>(arrived, 0)
    atomic.add<i32>(turn, 1)
    atomic.notify(turn, -1)
    return
  }
  for (let spin: u32 = 0; spin < SPINS; spin++) if (atomic.load<i32>(turn) != current) return
  while (atomic.load<i32>(turn) == current) atomic.wait<i32>(turn, current, -1)
}
