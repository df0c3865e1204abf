// The arrows of docs/architecture.md as rules. Parsed with swc: TypeScript 7 has no JavaScript API for dependency-cruiser
// to use. Type-only imports count as imports: a type from a forbidden folder is an arrow too.

const OURS = ['protocol', 'core', 'shaders', 'kernels', 'runtime', 'web', 'signal-server', 'api-gateway', 'tests', 'bench', 'scripts']
const TEST = '\\.(test|spec)\\.ts$'

/** `folder` may import from `allowed` (and itself), and from no other folder of ours. */
const arrow = (folder, allowed, { except = [] } = {}) => ({
  name: `${folder}-imports-only-${allowed.join('-') || 'itself'}`,
  severity: 'error',
  comment: `${folder}/ may import ${[...allowed, folder].join(', ')} and no other folder of ours`,
  from: { path: `^${folder}/`, pathNot: [TEST, ...except] },
  to: { path: `^(${OURS.filter((name) => name !== folder && !allowed.includes(name)).join('|')})/` },
})

/** A third-party library has one home: replacing it touches that folder. */
const home = (library, folders) => ({
  name: `${library}-lives-in-${folders.join('-and-').replaceAll('/', '-')}`,
  severity: 'error',
  comment: `${library} may be imported in ${folders.join(', ')} only`,
  from: { path: `^(${OURS.join('|')})/`, pathNot: [TEST, '^(tests|bench|scripts)/', ...folders.map((folder) => `^${folder}/`)] },
  to: { path: `(^|/)node_modules/${library}/` },
})

/** The gateway is a peer too: its transport carries the peer host that pages and the local device use. */
const GATEWAY_TRANSPORT = '^api-gateway/transport/'
/** Files that put a whole server together: the only ones in the gateway that may reach into other programs. */
const COMPOSITION = '^api-gateway/(main|serve|local-device[^/]*)\\.ts$'

export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'files that import each other cannot be read one after the other',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'the import leads nowhere',
      from: { path: `^(${OURS.join('|')})/` },
      to: { couldNotResolve: true, pathNot: '\\?' },
    },
    arrow('protocol', []),
    arrow('core', ['protocol', 'kernels']),
    arrow('shaders', []),
    arrow('kernels', []),
    arrow('runtime', ['core', 'protocol', 'kernels', 'shaders']),
    arrow('web', ['runtime', 'core', 'protocol', 'shaders', 'kernels']),
    arrow('signal-server', ['protocol']),
    arrow('api-gateway', ['protocol', 'core'], { except: [COMPOSITION, GATEWAY_TRANSPORT] }),
    {
      name: 'gateway-transport-imports-no-program',
      severity: 'error',
      comment: 'api-gateway/transport may import protocol, core and runtime',
      from: { path: GATEWAY_TRANSPORT, pathNot: [TEST] },
      to: { path: '^(shaders|kernels|web|signal-server|tests|bench|scripts)/' },
    },
    {
      name: 'gateway-composition-imports-no-page',
      severity: 'error',
      comment: 'the page reaches the server as built files, never as code',
      from: { path: COMPOSITION },
      to: { path: '^(web|tests|bench)/' },
    },
    {
      name: 'pure-folders-have-no-effects',
      severity: 'error',
      comment: 'a pure folder takes clock, randomness, files and network as parameters',
      from: { path: '^(protocol|core|shaders|kernels|runtime)/', pathNot: [TEST] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'page-has-no-node-modules-of-node',
      severity: 'error',
      comment: 'a browser has no Node modules',
      from: { path: '^web/', pathNot: [TEST] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-tests-in-programs',
      severity: 'error',
      comment: 'shipped code does not import test code',
      from: { path: `^(${OURS.join('|')})/`, pathNot: [TEST, '^(tests|bench|scripts)/'] },
      to: { path: [TEST, '^(tests|bench)/'] },
    },
    home('simple-peer', ['web/transport']),
    home('socket.io-client', ['web/transport', 'api-gateway/transport']),
    home('onnxruntime-web', ['runtime']),
    home('@mlc-ai/web-xgrammar', ['core/constrain', 'web/engine']),
    home('express', ['api-gateway']),
    home('socket.io', ['signal-server']),
    home('lit', ['web/ui']),
    home('idb', ['web/chat']),
    home('temml', ['web/ui/chat']),
    home('highlight.js', ['web/ui/chat']),
    // Programs never import each other, so each has its own connection.
    home('@redis/client', ['signal-server', 'api-gateway/shared']),
  ],
  options: {
    parser: 'swc',
    exclude: { path: ['^dist/', '^models/'] },
    // Tests may import anything; and swc's visitor knows no `using`, which they need for what must be closed.
    doNotFollow: { path: ['node_modules', TEST, '^tests/', '^bench/'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'browser', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json', '.d.ts'],
    },
  },
}
