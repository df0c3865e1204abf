/**
 * The TLS certificates for `--https`: an authority of this server's own, which a device is asked to trust once, and the server's certificate,
 * which it signs. Both are kept in RINGLET_HOME; the server's is made anew when it ends soon or an address is not in it.
 */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import path from 'node:path'
import { generate } from 'selfsigned'

/** PEM texts, as `https.createServer` takes them; `cert` has the authority behind it. */
export type Certificate = { readonly key: string; readonly cert: string; readonly ca: string }
type Pair = { readonly key: string; readonly cert: string }

const DAY_MS = 86_400_000
/** Safari refuses server certificates that are valid for longer than this (support.apple.com/103214). */
const VALID_DAYS = 397
/** Made anew this long before it ends, so that a server that runs for weeks does not outlive it. */
const RENEW_DAYS = 30
const AUTHORITY_DAYS = 3_650

const daysLeft = (certificate: X509Certificate, now: Date): number => (new Date(certificate.validTo).getTime() - now.getTime()) / DAY_MS

/** What was stored, where it is a certificate with its key; null when the file was damaged or edited. */
function readPair({ key, cert }: Pair): X509Certificate | null {
  try {
    const certificate = new X509Certificate(cert)
    return certificate.checkPrivateKey(createPrivateKey(key)) ? certificate : null
  } catch {
    return null
  }
}

function isUsable(stored: Pair, authority: Pair, hosts: readonly string[], now: Date): boolean {
  const certificate = readPair(stored)
  if (!certificate || daysLeft(certificate, now) < RENEW_DAYS) return false
  if (!certificate.verify(new X509Certificate(authority.cert).publicKey)) return false
  return hosts.every((host) => (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined)
}

/** A device that trusts it should not have to again: it outlives the server's certificates by far. */
const isAuthority = (stored: Pair, now: Date): boolean => {
  const certificate = readPair(stored)
  return certificate !== null && certificate.ca && daysLeft(certificate, now) > VALID_DAYS + RENEW_DAYS
}

const span = (now: Date, days: number) => ({
  notBeforeDate: new Date(now.getTime() - DAY_MS),
  notAfterDate: new Date(now.getTime() + (days - 1) * DAY_MS),
})
const KEYS = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const

/** Its name says whose it is: a device may trust several. */
async function makeAuthority(now: Date): Promise<Pair> {
  const name = `Ringlet on ${hostname().slice(0, 40)} (${randomBytes(2).toString('hex')})`
  const { private: key, cert } = await generate([{ name: 'commonName', value: name }], {
    ...KEYS,
    ...span(now, AUTHORITY_DAYS),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  return { key, cert }
}

async function make(hosts: readonly string[], authority: Pair, now: Date): Promise<Pair> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'Ringlet' }], {
    ...KEYS,
    ...span(now, VALID_DAYS),
    ca: authority,
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
async function writePair(file: string, { key, cert }: Pair): Promise<void> {
  const draft = `${file}.${process.pid}`
  await writeFile(draft, `${key.trim()}\n${cert.trim()}\n`, { mode: 0o600 })
  await rename(draft, file)
}

async function readStored(file: string): Promise<Pair | null> {
  try {
    const text = await readFile(file, 'utf8')
    const [key = '', cert = ''] = text.split(/(?=-----BEGIN CERTIFICATE-----)/)
    return { key, cert }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** What is stored, or what `create` makes in its place. */
async function keep(file: string, isFine: (stored: Pair) => boolean, create: () => Promise<Pair>): Promise<Pair> {
  const stored = await readStored(file)
  if (stored && isFine(stored)) return stored
  const made = await create()
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  await writePair(file, made)
  return made
}

/**
 * @param home RINGLET_HOME; the files are `tls/authority.pem` and `tls/server.pem` in it, readable by their owner only
 * @param hosts names and addresses under which the server is reached
 */
export async function loadCertificate(home: string, hosts: readonly string[], now: Date = new Date()): Promise<Certificate> {
  const folder = path.join(home, 'tls')
  const authority = await keep(
    path.join(folder, 'authority.pem'),
    (stored) => isAuthority(stored, now),
    () => makeAuthority(now),
  )
  const own = await keep(
    path.join(folder, 'server.pem'),
    (stored) => isUsable(stored, authority, hosts, now),
    () => make(hosts, authority, now),
  )
  return { key: own.key, cert: `${own.cert.trim()}\n${authority.cert.trim()}\n`, ca: authority.cert }
}
