/** The box that a question is written in. */
import { css } from 'lit'

export const composerStyles = css`
  .box {
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-l);
    background: var(--surface);
    box-shadow: var(--shadow);
  }
  .box:focus-within {
    border-color: var(--accent);
    box-shadow: 0 0 0 3px color-mix(in oklab, var(--accent) 16%, transparent);
  }
  .dropping {
    border-style: dashed;
    background: var(--accent-soft);
  }
  file-chips {
    padding: 0 0.7rem;
  }
  file-chips:not(:empty) {
    padding-top: 0.6rem;
  }
  .row {
    display: flex;
    align-items: flex-end;
    gap: 0.35rem;
    padding: 0.45rem;
  }
  textarea {
    flex: 1;
    min-width: 0;
    min-height: 1.6em;
    max-height: 40vh;
    padding: 0.42rem 0;
    border: 0;
    background: none;
    color: inherit;
    font: inherit;
    resize: none;
    field-sizing: content;
  }
  textarea:focus {
    outline: none;
  }
  textarea::placeholder {
    color: var(--muted);
    opacity: 1;
  }
  .round,
  .attach {
    flex: none;
    width: var(--touch);
    height: var(--touch);
    min-height: var(--touch);
    padding: 0;
    border-radius: 50%;
  }
  .attach {
    position: relative;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    color: var(--muted);
    cursor: pointer;
  }
  .attach:hover {
    background: var(--sunken);
    color: var(--ink);
  }
  .attach:focus-within {
    outline: var(--focus-ring);
    outline-offset: 2px;
  }
  .attach input {
    position: absolute;
    inset: 0;
    opacity: 0;
    cursor: pointer;
  }
  .attach input::file-selector-button {
    cursor: pointer;
  }
`
