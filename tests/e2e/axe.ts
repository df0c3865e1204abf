/** What axe finds on a page as it is. */
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'

/** One line for each rule that is broken: `state`, the rule, and the elements that break it. Animations must be over: they would be judged in their middle. */
export async function axeFindings(page: Page, state: string): Promise<readonly string[]> {
  // The pages have no frames: without this mode each judgement opens a page to join those of the frames.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze()
  return violations.map(({ id, nodes }) => `${state}: ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`)
}
