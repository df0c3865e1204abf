/** `npm run keys`: keys and invitations of the server on this machine, which need not run. */
import path from 'node:path'
import { parseArgs } from 'node:util'
import { SCOPES, type Scope } from '../../protocol/access.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { parseOptions } from '../options.ts'
import { createAccess, type Access } from './access.ts'
import { expiryAfter, limitsSchema, nameSchema, isExpired, type AccessEntry, type NewEntry } from './access-entry.ts'
import { ACCESS_FILE, openAccessFile } from './access-file.ts'

const USAGE = `Keys for programs and invitations for devices. With the first of either the server is closed to whoever has none.

  npm run keys -- list
  npm run keys -- make --name NAME [--scopes inference,cluster,metrics,access] [--expires 30d]
                       [--requests-per-minute N] [--tokens-per-minute N]
  npm run keys -- invite --name NAME [--expires 7d]
  npm run keys -- revoke ID

--scopes   what the key opens (default inference; the first key opens everything)
--expires  a span of minutes, hours, days or weeks (90m, 12h, 30d, 8w), or never
A key is shown once. RINGLET_HOME says which server's folder is meant.`

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const refuse = (message: string): never => {
  throw new ClusterError('invalid_value', message)
}

function readArguments(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      name: { type: 'string' },
      scopes: { type: 'string', default: 'inference' },
      expires: { type: 'string' },
      'requests-per-minute': { type: 'string' },
      'tokens-per-minute': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  return { ...values, command: values.help ? 'help' : (positionals[0] ?? 'help'), id: positionals[1] }
}
type Arguments = ReturnType<typeof readArguments>

const scopesOf = (text: string): Scope[] =>
  text
    .split(',')
    .map((name) => SCOPES.find((scope) => scope === name.trim()) ?? refuse(`--scopes expects some of ${SCOPES.join(', ')}, but got "${name}"`))

function wantedOf(kind: AccessEntry['kind'], args: Arguments, isFirst: boolean): NewEntry {
  const name = nameSchema.safeParse(args.name ?? '')
  const limit = (text: string | undefined): number | null => (text === undefined ? null : Number(text))
  const limits = limitsSchema.safeParse({
    requestsPerMinute: limit(args['requests-per-minute']),
    tokensPerMinute: limit(args['tokens-per-minute']),
  })
  const expires = expiryAfter(args.expires ?? (kind === 'key' ? 'never' : '7d'), new Date())
  if (!name.success) return refuse('--name expects a name that says whose it is')
  if (!limits.success) return refuse('--requests-per-minute and --tokens-per-minute expect whole numbers from 1')
  if (expires === undefined) return refuse(`--expires expects a span such as 12h, 30d, 8w, or never, but got "${args.expires}"`)
  const scopes = kind === 'invite' ? [] : isFirst ? [...SCOPES] : scopesOf(args.scopes)
  return { kind, name: name.data, scopes, limits: limits.data, expires }
}

function list(access: Access): void {
  const entries = [...access.list('key'), ...access.list('invite')]
  if (entries.length === 0) say('no keys and no invitations: this server is open to everybody who reaches it')
  for (const entry of entries) {
    const until = entry.expires === null ? 'does not expire' : `${isExpired(entry, new Date()) ? 'expired' : 'expires'} ${entry.expires}`
    say([entry.id, entry.kind, entry.name, entry.scopes.join(',') || 'join', until].join('  '))
  }
}

function run(args: Arguments): void {
  const { home, apiKeys, joinToken } = parseOptions([], process.env)
  const access = createAccess({ file: openAccessFile(path.join(home, ACCESS_FILE)), apiKeys, joinToken })
  switch (args.command) {
    case 'list':
      return list(access)
    case 'make':
    case 'invite': {
      const { entry, secret } = access.make(wantedOf(args.command === 'make' ? 'key' : 'invite', args, !access.isClosed()))
      say(`${entry.id}  ${entry.name}`)
      return say(entry.kind === 'key' ? secret : `/contribute?token=${secret}`)
    }
    case 'revoke':
      if (args.id !== undefined && (access.revoke('key', args.id) || access.revoke('invite', args.id))) return say(`revoked ${args.id}`)
      return refuse(`there is no key or invitation ${args.id ?? ''}; npm run keys -- list shows them`)
    case 'help':
      return say(USAGE)
    default:
      return refuse(`there is no command "${args.command}"\n\n${USAGE}`)
  }
}

try {
  run(readArguments(process.argv.slice(2)))
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  process.exitCode = 2
}
