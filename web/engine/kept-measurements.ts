/** Measurements of this device, kept by the browser from visit to visit. */
const KEY = 'ringlet-measurements'

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
