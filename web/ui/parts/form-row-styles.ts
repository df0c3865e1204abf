/** A form of one row: its fields share the width, what sends it stands at their feet; where there is no room it wraps. */
import { css } from 'lit'

export const formRowStyles = css`
  form {
    display: flex;
    flex-wrap: wrap;
    gap: 0.6rem;
    align-items: end;
    margin-top: 0.9rem;
  }
  label {
    flex: 1 1 13rem;
    min-width: 0;
  }
`
