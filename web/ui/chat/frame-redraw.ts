/**
 * Draws at most once a frame however many tokens come; a hidden page has no frames and is drawn when it is seen again.
 *
 * @returns asks for the next drawing
 */
export function frameRedraw(draw: () => void): () => void {
  let isAsked = false
  return () => {
    if (isAsked) return
    isAsked = true
    requestAnimationFrame(() => {
      isAsked = false
      draw()
    })
  }
}
