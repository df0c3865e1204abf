/** Which of the kept pieces make up a range, and what is missing between them. */

/** Bytes [start, end) of a file. */
export type Piece = { readonly start: number; readonly end: number; readonly name: string }
export type Span = { readonly start: number; readonly end: number }
export type Cover = {
  /** In order, without overlap: bytes [start, end) of the file, out of `piece`. */
  readonly parts: readonly (Span & { readonly piece: Piece })[]
  readonly gaps: readonly Span[]
}

/** Pieces may overlap, as those of several tabs do; the one that reaches furthest is taken. */
export function coverOf(pieces: Iterable<Piece>, start: number, end: number): Cover {
  const sorted = [...pieces].filter((piece) => piece.end > start && piece.start < end).sort((a, b) => a.start - b.start || b.end - a.end)
  const parts: (Span & { piece: Piece })[] = []
  const gaps: Span[] = []
  let at = start
  let next = 0
  while (at < end) {
    let best: Piece | null = null
    for (; next < sorted.length; next++) {
      const piece = sorted[next]
      if (!piece || piece.start > at) break
      if (piece.end > at && piece.end > (best?.end ?? at)) best = piece
    }
    const to = best ? Math.min(best.end, end) : Math.min(sorted[next]?.start ?? end, end)
    if (best) parts.push({ start: at, end: to, piece: best })
    else gaps.push({ start: at, end: to })
    at = to
  }
  return { parts, gaps }
}

/** Spans that touch or overlap, joined. */
export function joined(spans: readonly Span[]): readonly Span[] {
  const result: { start: number; end: number }[] = []
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1)
    if (last && last.end >= start) last.end = Math.max(last.end, end)
    else result.push({ start, end })
  }
  return result
}
