/** The upper one of two in the middle; undefined of nothing. */
export const median = (values: readonly number[]): number | undefined => values.toSorted((a, b) => a - b)[values.length >> 1]
