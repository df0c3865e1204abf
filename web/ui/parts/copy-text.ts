/** Puts text on the clipboard. False where the page may not (plain http, a refusal): the caller then shows the text to be copied by hand. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Also when `clipboard` is missing, as outside of secure contexts.
    return false
  }
}
