// Rounds f32 to f16, nearest, ties to even, in integer arithmetic: WGSL leaves the rounding of pack2x16float to the device.
// One thread two elements; threads stride over the rest.
//   0  input   f32 bits as u32 [count]   read    u32, so that no device flushes subnormals on the way
//   1  output  u32 [ceil(count / 2)]     write   the lower half is the even element; a last odd element is followed by zero
// Reference: pack-f16.ref.ts.  Tolerance: none.
const THREADS: u32 = 256;

@group(0) @binding(0) var<storage, read> input: array<u32>;
@group(0) @binding(1) var<storage, read_write> output: array<u32>;

fn round_to_f16(bits: u32) -> u32 {
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return sign | 0x7e00u; }
  // Halfway above the largest half, and everything beyond it.
  if (magnitude >= 0x477ff000u) { return sign | 0x7c00u; }
  if (magnitude >= 0x38800000u) {
    return sign | ((magnitude + 0xfffu + ((magnitude >> 13u) & 1u) - 0x38000000u) >> 13u);
  }
  // Below 2^-25 nothing is left; 2^-25 itself ties to zero.
  if (magnitude <= 0x33000000u) { return sign; }
  // Subnormal half: the significand shifted down to multiples of 2^-24.
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  let shift = 126u - (magnitude >> 23u);
  let kept = significand >> shift;
  let rest = significand & ((1u << shift) - 1u);
  let tie = 1u << (shift - 1u);
  let is_up = rest > tie || (rest == tie && (kept & 1u) == 1u);
  return sign | (kept + select(0u, 1u, is_up));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) thread: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let count = arrayLength(&input);
  for (var pair = thread.x; 2u * pair < count; pair += groups.x * THREADS) {
    let low = round_to_f16(input[2u * pair]);
    var high = 0u;
    if (2u * pair + 1u < count) { high = round_to_f16(input[2u * pair + 1u]); }
    output[pair] = low | (high << 16u);
  }
}
