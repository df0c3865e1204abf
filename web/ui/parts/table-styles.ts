/** The look of tables of figures, which scroll inside their card where they are wider. */
import { css } from 'lit'

export const tableStyles = css`
  .scroll {
    margin-top: 0.8rem;
    overflow-x: auto;
  }
  table {
    width: 100%;
    border-collapse: collapse;
    font-size: var(--text-m);
    font-variant-numeric: tabular-nums;
  }
  th,
  td {
    padding: 0.4rem 0.9rem 0.4rem 0;
    border-bottom: 1px solid var(--line);
    text-align: left;
    white-space: nowrap;
  }
  thead th {
    color: var(--muted);
    font-weight: var(--weight-medium);
  }
  tbody th {
    font-weight: 600;
  }
  tbody tr:last-child > * {
    border-bottom: 0;
  }
`
