/** Measurements of this device, kept by the browser from visit to visit. */
const KEY = 'ringlet-measurements'

/** What the browser keeps for this origin; null where it keeps nothing. */
export function browserStore(): Storage | null {
  try {
    return localStorage
  } catch {
    return null
  }
}

export function keptMeasurements(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null // Storage is off: each visit measures anew.
  }
}

export function keepMeasurements(known: string): void {
  try {
    localStorage.setItem(KEY, known)
  } catch {
    // As above.
  }
}
