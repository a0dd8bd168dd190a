// Matrix products whose every pass, forward and backward, avoids tfjs's kernel for a transposed
// right-hand side: that one reads scalars instead of vec4. Transposing the matrix first is about a
// fifth faster (docs/benchmarks.md).
import * as tf from "@tensorflow/tfjs-core";

/**
 * a b^T over the last two axes, as layers store their weights: [.., n, k] [.., m, k] -> [.., n, m].
 */
export function timesTransposed<R extends tf.Rank>(a: tf.Tensor<R>, b: tf.Tensor<R>): tf.Tensor<R> {
  return withGradients(
    a,
    b,
    (left, right) => tf.matMul(left, transposed(right)),
    (dy, left, right) => [tf.matMul(dy, right), tf.matMul(dy, left, true, false)],
  );
}

/** a b over the last two axes: [.., n, k] [.., k, m] -> [.., n, m]. */
export function times<R extends tf.Rank>(a: tf.Tensor<R>, b: tf.Tensor<R>): tf.Tensor<R> {
  return withGradients(
    a,
    b,
    (left, right) => tf.matMul(left, right),
    (dy, left, right) => [tf.matMul(dy, transposed(right)), tf.matMul(left, dy, true, false)],
  );
}

/**
 * x W^T for a weight that is not trained: no gradient of W is ever computed. [n, k] [m, k] -> [n,
 * m]
 */
export function timesFrozen(x: tf.Tensor2D, weight: tf.Tensor2D): tf.Tensor2D {
  const product = tf.customGrad((input) => ({
    value: tf.matMul(input as tf.Tensor, transposed(weight)),
    gradFunc: (dy: tf.Tensor) => tf.matMul(dy, weight),
  }));
  return product(x) as tf.Tensor2D;
}

type Product = (left: tf.Tensor, right: tf.Tensor) => tf.Tensor;
type Gradients = (dy: tf.Tensor, left: tf.Tensor, right: tf.Tensor) => [tf.Tensor, tf.Tensor];

function withGradients<R extends tf.Rank>(
  a: tf.Tensor<R>,
  b: tf.Tensor<R>,
  product: Product,
  gradients: Gradients,
): tf.Tensor<R> {
  const op = tf.customGrad((...inputs) => {
    const [left, right, save] = inputs as [tf.Tensor, tf.Tensor, (saved: tf.Tensor[]) => void];
    save([left, right]);
    return {
      value: product(left, right),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [x, y] = saved as [tf.Tensor, tf.Tensor];
        return tf.tidy(() => gradients(dy, x, y));
      },
    };
  });
  return op(a, b) as tf.Tensor<R>;
}

/**
 * Swaps the last two axes. A plain matrix is a stack of one: tfjs's kernel for plain
 * matrices is slower.
 */
function transposed(x: tf.Tensor): tf.Tensor {
  const stack = x.rank === 2 ? tf.reshape(x, [1, ...x.shape]) : x;
  const axes = stack.shape.map((_, axis) => axis);
  const result = tf.transpose(stack, [...axes.slice(0, -2), stack.rank - 1, stack.rank - 2]);
  return x.rank === 2 ? tf.reshape(result, [...x.shape].reverse()) : result;
}
