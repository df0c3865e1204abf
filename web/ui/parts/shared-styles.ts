/** Rules that several elements adopt: boxes, buttons, cards, fields, menus, text for screen readers only. Values come from the tokens of theme.css. */
import { css } from 'lit'

export const sharedStyles = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host {
    display: block;
  }
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ul,
  ol {
    margin: 0;
    padding: 0;
  }
  h1 {
    font-size: var(--text-h1);
    line-height: 1.2;
    font-weight: var(--weight-strong);
    letter-spacing: -0.02em;
    text-wrap: balance;
  }
  h2 {
    font-size: var(--text-h2);
    line-height: 1.35;
    font-weight: var(--weight-strong);
    letter-spacing: -0.005em;
  }
  a {
    color: var(--accent);
    text-underline-offset: 0.18em;
    text-decoration-thickness: 1px;
  }
  :focus-visible {
    outline: var(--focus-ring);
    outline-offset: 2px;
    border-radius: var(--radius-s);
  }
  .muted {
    color: var(--muted);
  }
  .small {
    font-size: var(--text-m);
    line-height: 1.5;
  }
  .figures {
    font-variant-numeric: tabular-nums;
  }
  .page {
    max-width: 68rem;
    margin: 0 auto;
    padding: clamp(1.25rem, 4vw, 2.75rem) var(--gutter) var(--space-7);
  }
  .lead {
    max-width: 42rem;
    margin-top: 0.6rem;
    color: var(--muted);
    text-wrap: pretty;
  }
  .card {
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    padding: clamp(1rem, 3vw, 1.5rem);
    box-shadow: var(--shadow);
    min-width: 0;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
      scroll-behavior: auto !important;
    }
  }
`

export const buttonStyles = css`
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.45rem;
    min-height: var(--touch);
    padding: 0.4rem 1rem;
    border: 1px solid color-mix(in oklab, var(--line), var(--muted) 25%);
    border-radius: var(--radius-m);
    background: var(--surface);
    color: var(--ink);
    font: inherit;
    font-size: var(--text-l);
    font-weight: var(--weight-medium);
    text-decoration: none;
    cursor: pointer;
    transition:
      background-color var(--motion-fast),
      border-color var(--motion-fast);
  }
  button:hover:not(:disabled),
  .button:hover {
    background: var(--sunken);
  }
  button:disabled {
    opacity: 0.5;
    cursor: default;
  }
  button.primary,
  .button.primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--accent-ink);
  }
  button.primary:hover:not(:disabled),
  .button.primary:hover {
    background: color-mix(in oklab, var(--accent) 88%, var(--ink));
  }
  button.plain {
    min-height: 2rem;
    padding: 0.2rem 0.55rem;
    border-color: transparent;
    background: transparent;
    color: var(--muted);
    font-size: var(--text-m);
    font-weight: 500;
  }
  button.plain:hover:not(:disabled) {
    background: var(--sunken);
    color: var(--ink);
  }
  button.danger {
    border-color: transparent;
    background: var(--bad);
    color: var(--accent-ink);
  }
  button.danger:hover:not(:disabled) {
    background: color-mix(in oklab, var(--bad) 88%, var(--ink));
  }
  /* A square that holds an icon only; its name is its aria-label. */
  button.icon {
    flex: none;
    width: 2.25rem;
    min-height: 2.25rem;
    padding: 0;
    border-color: transparent;
    background: transparent;
    color: var(--muted);
  }
  button.icon:hover:not(:disabled),
  button.icon[aria-expanded='true'] {
    background: var(--sunken);
    color: var(--ink);
  }
  button svg {
    width: 1.15rem;
    height: 1.15rem;
  }
`

export const fieldStyles = css`
  label,
  .label {
    font-size: 0.92rem;
    font-weight: 560;
  }
  input[type='text'],
  input[type='number'],
  input[type='search'],
  textarea,
  select {
    width: 100%;
    min-height: 2.6rem;
    padding: 0.4rem 0.75rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-m);
    background: var(--ground);
    color: var(--ink);
    font: inherit;
  }
  ::placeholder {
    color: var(--muted);
    opacity: 1;
  }
  input[type='range'] {
    width: 100%;
    margin: 0.35rem 0;
    accent-color: var(--accent);
  }
`

/** A panel that floats above the page: menus, popovers, dialogs. */
export const floatStyles = css`
  dialog,
  [popover] {
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--raised);
    color: var(--ink);
    box-shadow: var(--shadow-float);
  }
  dialog {
    width: min(34rem, calc(100vw - 2rem));
    max-height: calc(100dvh - 2rem);
    padding: var(--space-5);
    overflow-y: auto;
    overscroll-behavior: contain;
  }
  dialog::backdrop {
    background: var(--backdrop);
  }
  dialog[open],
  [popover]:popover-open {
    animation: appear var(--motion) var(--ease);
  }
  @keyframes appear {
    from {
      opacity: 0;
      transform: translateY(0.25rem);
    }
  }
`
