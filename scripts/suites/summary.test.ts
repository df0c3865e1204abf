import { expect, test } from 'vitest'
import { withVerdict } from './run-suite.mjs'
import { summary } from './summary.mjs'

test('ends with the counts; skipped, unsteady and failed tests come before it with their reasons', () => {
  expect(
    summary([
      { name: 'a', state: 'passed' },
      { name: 'b', state: 'skipped', reason: 'no GPU' },
      { name: 'c', state: 'failed', reason: 'expected 1\ngot 2' },
      { name: 'd', state: 'passed', unsteady: 'expected 3' },
    ]),
  ).toEqual([
    'skipped  b: no GPU',
    'UNSTEADY d: passed when run again, failed before with\n      expected 3',
    'FAILED   c\n      expected 1\n      got 2',
    '2 passed, 1 failed',
  ])
})

test('a suite that wrote nothing, or ended badly although all passed, counts as failed', () => {
  expect(withVerdict('s', null, 'ended with code 7')).toEqual([
    { name: 's', state: 'failed', reason: 'the suite wrote no results: it ended with code 7' },
  ])
  const passed = { name: 'a', state: 'passed' } as const
  expect(withVerdict('s', [passed], null)).toEqual([passed])
  expect(withVerdict('s', [passed], 'ended with code 1').at(-1)).toMatchObject({ name: 's', state: 'failed' })
  const failed = { name: 'b', state: 'failed', reason: 'why' } as const
  expect(withVerdict('s', [passed, failed], 'ended with code 1')).toEqual([passed, failed])
})
