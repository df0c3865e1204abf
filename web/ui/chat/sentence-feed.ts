/** Cuts a growing answer into whole sentences for a live region, so that a screen reader never reads token by token. */

/** Ends of sentences: a mark followed by white space, or a line break. CJK marks need no space after them. */
const SENTENCE_END = /[.!?…]["')\]]*\s|[。！？]|\n/g

/** The part of `text` from `spoken` on that is finished, and how far that reaches. */
export function finishedSentences(text: string, spoken: number): { readonly sentences: string; readonly spoken: number } {
  let end = spoken
  SENTENCE_END.lastIndex = spoken
  for (let match = SENTENCE_END.exec(text); match; match = SENTENCE_END.exec(text)) end = match.index + match[0].length
  return { sentences: plainSpeech(text.slice(spoken, end)), spoken: end }
}

/** Markdown's marks say nothing when read aloud. */
export const plainSpeech = (markdown: string): string =>
  markdown
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[*_`#>|]+/g, '')
    .trim()

/** Follows one answer after another and says what a live region should hold now. */
export function createSentenceFeed(): (running: string | null, finished: string) => string {
  let region = ''
  let spoken = 0
  let wasRunning = false
  /** `running`: text of the answer being written, or null. `finished`: text of the last whole answer. */
  return (running, finished) => {
    if (running !== null && !wasRunning) {
      region = ''
      spoken = 0
    }
    if (running !== null) {
      const next = finishedSentences(running, spoken)
      spoken = next.spoken
      if (next.sentences !== '') region = next.sentences
    } else if (wasRunning) region = plainSpeech(finished.slice(spoken)) || region
    wasRunning = running !== null
    return region
  }
}
