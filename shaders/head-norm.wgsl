// Norm of the rows that logits are wanted of: y[i, c] = (x[r, c] - mean) · scale[c] / sqrt(variance + EPSILON) + shift[c], r = picked[i];
// of an RMS norm the mean is 0. One workgroup a row; threads stride over columns, then reduce in shared memory.
//   0  picked  u32 [rows]            read
//   1  x       f32 or f16 [·, cols]  read    two halves a word
//   2  scale   f32 [cols]            read
//   3  shift   f32 [cols]            read
//   4  y       f32 [rows, stride]    write   zeros behind the last column
// Columns and stride are those of the bound ranges.
// Reference: head.ref.ts (accumulates in f64).  Tolerance: 1e-5 relative.
override EPSILON: f32 = 1e-6;
override HAS_MEAN: u32 = 0;
override HAS_HALVES: u32 = 0;
const THREADS: u32 = 256;

@group(0) @binding(0) var<storage, read> picked: array<u32>;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> shift: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

var<workgroup> sums: array<f32, THREADS>;

fn value_at(index: u32) -> f32 {
  if (HAS_HALVES == 0u) { return bitcast<f32>(x[index]); }
  let pair = unpack2x16float(x[index / 2u]);
  return select(pair.x, pair.y, (index & 1u) == 1u);
}

fn sum_of_all(thread: u32, own: f32) -> f32 {
  workgroupBarrier();
  sums[thread] = own;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { sums[thread] += sums[thread + half]; }
  }
  return workgroupUniformLoad(&sums[0]);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let cols = arrayLength(&scale);
  let stride = arrayLength(&y) / groups.x;
  let first = picked[group.x] * cols;
  var mean = 0.0f;
  if (HAS_MEAN == 1u) {
    var sum = 0.0f;
    for (var c = thread; c < cols; c += THREADS) { sum += value_at(first + c); }
    mean = sum_of_all(thread, sum) / f32(cols);
  }
  var squares = 0.0f;
  for (var c = thread; c < cols; c += THREADS) {
    let value = value_at(first + c) - mean;
    squares += value * value;
  }
  let factor = inverseSqrt(sum_of_all(thread, squares) / f32(cols) + EPSILON);
  for (var c = thread; c < stride; c += THREADS) {
    var value = 0.0f;
    if (c < cols) { value = (value_at(first + c) - mean) * factor * scale[c] + shift[c]; }
    y[group.x * stride + c] = value;
  }
}
