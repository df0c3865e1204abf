/** The browser build, without Node's polyfills; typed as the package's own entry. */
declare module 'simple-peer/simplepeer.min.js' {
  import SimplePeer from 'simple-peer'
  export default SimplePeer
}
