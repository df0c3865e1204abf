import type { FormattedSplit } from './format-choice.ts'
import type { HeldRanges } from './placement-request.ts'

/** The ranges of a split that fits, each in its device's format. */
export function heldRanges({ ranges, formats }: Extract<FormattedSplit, { fits: true }>): HeldRanges {
  return new Map(
    [...ranges].map(([peerId, range]) => {
      const weightFormat = formats.get(peerId)
      if (!weightFormat) throw new Error(`a share of ${peerId} without a format`)
      return [peerId, { ...range, weightFormat }]
    }),
  )
}
