/** The look of `<progress>`, for elements that show how far something is. */
import { css } from 'lit'

export const progressStyles = css`
  progress {
    display: block;
    width: 100%;
    height: 0.4rem;
    border: 0;
    border-radius: 99px;
    background: var(--sunken);
    overflow: hidden;
    appearance: none;
  }
  progress::-webkit-progress-bar {
    background: var(--sunken);
  }
  progress::-webkit-progress-value {
    border-radius: 99px;
    background: var(--accent);
    transition: width 0.25s linear;
  }
  progress::-moz-progress-bar {
    background: var(--accent);
  }
`

/** A list of such: above each `<progress>` a line `.head` of what it is and how far. */
export const progressListStyles = css`
  ul {
    display: grid;
    gap: 0.6rem;
    list-style: none;
  }
  .head {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    gap: 0 0.75rem;
  }
`
