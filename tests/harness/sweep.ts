/** `RINGLET_SWEEP=1` runs in full what tests otherwise take a part of: a software GPU takes half a second a token, and a second a kernel. */
export const SWEEP = process.env['RINGLET_SWEEP'] === '1'
