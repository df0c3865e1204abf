/** Says in plain words what a step does, and how long it took. Dependency-free, like everything in this folder. */

/** A step could not be done. The message is for the person at the terminal: what failed, and what to do about it. */
export class StepFailed extends Error {}

export const say = (line) => console.log(line)

/** Runs `work` between two lines: what begins, and how long it took. */
export async function step(what, work) {
  const started = performance.now()
  say(`${what} …`)
  const result = await work()
  say(`  took ${((performance.now() - started) / 1000).toFixed(1)} s`)
  return result
}

/** Runs the main function of a script; a step that failed ends the process with its message and no stack. */
export async function runScript(main) {
  try {
    await main()
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    console.error(`\n${error.message}`)
    process.exitCode = 1
  }
}
