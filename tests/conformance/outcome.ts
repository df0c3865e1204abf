/** What came of one group of cases: every check that failed, in words. */
export type Outcome = { readonly name: string; readonly checks: number; readonly failures: readonly string[] }

/** Collects checks of one group. */
export function startOutcome(name: string) {
  const failures: string[] = []
  let checks = 0
  return {
    check: (what: string, passed: boolean): void => {
      checks++
      if (!passed) failures.push(what)
    },
    end: (): Outcome => ({ name, checks, failures }),
  }
}
