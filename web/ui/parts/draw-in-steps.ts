import type { ReactiveControllerHost } from 'lit'
import { nextTask } from './next-task.ts'

/**
 * Draws what is long a few parts at a time, each time in a task of its own, so that the page can paint and be touched in between. What is drawn stays.
 * @param first how many are drawn with what stands around them
 * @returns of the parts to draw those whose turn has come, from the first on
 */
export function drawInSteps(host: ReactiveControllerHost, step: number, first = step): <Part>(parts: readonly Part[]) => readonly Part[] {
  let drawn = first
  let isWaiting = false
  const goOn = async (): Promise<void> => {
    isWaiting = true
    await nextTask()
    isWaiting = false
    drawn += step
    host.requestUpdate()
  }
  return (parts) => {
    if (parts.length > drawn && !isWaiting) void goOn()
    return parts.slice(0, drawn)
  }
}
