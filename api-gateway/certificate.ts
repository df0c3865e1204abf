/** The server's own TLS certificate for `--https`: made once, kept in RINGLET_HOME, made anew when it no longer fits. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import path from 'node:path'
import { generate } from 'selfsigned'

/** PEM texts, as `https.createServer` takes them. */
export type Certificate = { readonly key: string; readonly cert: string }

const DAY_MS = 86_400_000
/** Safari refuses server certificates that are valid for longer than this (support.apple.com/103214). */
const VALID_DAYS = 397
/** Made anew this long before it ends, so that a server that runs for weeks does not outlive it. */
const RENEW_DAYS = 30

function isUsable(stored: Certificate, hosts: readonly string[], now: Date): boolean {
  try {
    const certificate = new X509Certificate(stored.cert)
    if (!certificate.checkPrivateKey(createPrivateKey(stored.key))) return false
    if (new Date(certificate.validTo).getTime() - now.getTime() < RENEW_DAYS * DAY_MS) return false
    return hosts.every((host) => (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined)
  } catch {
    // Not a certificate at all: the file was damaged or edited.
    return false
  }
}

async function make(hosts: readonly string[], now: Date): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'Ringlet' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now.getTime() - DAY_MS),
    notAfterDate: new Date(now.getTime() + (VALID_DAYS - 1) * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: hosts.map((host) => (isIP(host) ? { type: 7, ip: host } : { type: 2, value: host })) },
    ],
  })
  return { key, cert }
}

/** Replaces the file in one step, so that another server never reads half of it. */
async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const draft = `${file}.${process.pid}`
  await writeFile(draft, text, { mode })
  await rename(draft, file)
}

async function readStored(file: string): Promise<Certificate | null> {
  try {
    const text = await readFile(file, 'utf8')
    const [key = '', cert = ''] = text.split(/(?=-----BEGIN CERTIFICATE-----)/)
    return { key, cert }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/**
 * @param home RINGLET_HOME; the certificate is `tls/server.pem` in it, readable by its owner only
 * @param hosts names and addresses under which the server is reached
 */
export async function loadCertificate(home: string, hosts: readonly string[], now: Date = new Date()): Promise<Certificate> {
  const file = path.join(home, 'tls', 'server.pem')
  const stored = await readStored(file)
  if (stored && isUsable(stored, hosts, now)) return stored
  const made = await make(hosts, now)
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  await writeWhole(file, `${made.key.trim()}\n${made.cert.trim()}\n`, 0o600)
  return made
}
