#!/usr/bin/env bash
# Tests and benchmarks on a machine with an NVIDIA GPU, in at most 8 minutes:
#
#     OUT=folder bash benchmarks/on_gpu.sh
#
# It needs Python with JAX and its CUDA plugin, optax, rich and h5py, pytest and pytest-xdist for the tests, PyTorch and
# Flax for these peers, and no network. Each part has a time limit, leaves what it has found in the folder at any moment,
# and does not stop the next one if it fails; then the exit status is 1.
#
#   highest    committed numbers of Keras with JAX_DEFAULT_MATMUL_PRECISION=highest, to the suite's own tolerances
#   tf32       those with products at JAX's default precision, TF32 for float32 products, to a tolerance for it
#   benchmarks the workloads `gpu`: minidl, the hand-written loop, PyTorch, Flax, and Keras where it is installed; then
#              torch.compile, which compiles long, for as many as the time allows
#
# The two parts of tests run at the same time. Environment variables, with their defaults:
OUT=${OUT:-benchmarks/results} # where the results go: DATE-gpu.json, as of other benchmarks, and gpu-*.log
PYTHON=${PYTHON:-python3}
WHEELS=${WHEELS:-} # a folder of wheels: all are put on the path, before what is installed
PARTS=${PARTS:-highest tf32 benchmarks}
SECONDS_IN_ALL=${SECONDS_IN_ALL:-470}
# To try it elsewhere:
DEVICE=${DEVICE:-gpu} # or cpu
DIVIDE=${DIVIDE:-1}   # what rows and batch sizes are divided by
UTILIZATION=${UTILIZATION---utilization} # or empty: without traces
WORKLOADS=${WORKLOADS:-gpu-transformer gpu-lm gpu-convnet gpu-mlp gpu-lstm gpu-gru gpu-convnet-bn}
PEERS=${PEERS:-minidl,handwritten,keras-jax,torch,flax}
PEERS_AT_LAST=${PEERS_AT_LAST-torch-compiled}
layers="layers layers_attention layers_convolution layers_core layers_normalization layers_recurrent"
HIGHEST=${HIGHEST:-$layers steps training losses metrics callbacks activations optimizers initializers regularizers \
    constraints schedules spectrograms text utils} # of tests/references
TF32=${TF32:-$layers steps training losses spectrograms regularizers}

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd) || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=()

export PYTHONPATH=$PWD PYTHONUNBUFFERED=1 COLUMNS=150 PYTHONDONTWRITEBYTECODE=1
if [ -n "$WHEELS" ]; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
        --target "$work/site" "$WHEELS"/*.whl || failed+=(wheels)
    export PYTHONPATH=$PYTHONPATH:$work/site
fi

wants() { [[ " $PARTS " == *" $1 "* ]]; }

# finish PART STATUS: says how a part ended.
finish() {
    local how="passed"
    [ "$2" -eq 0 ] || { how="FAILED (status $2)" && failed+=("$1"); }
    [ "$2" -ne 124 ] && [ "$2" -ne 137 ] || how="FAILED: its time was over"
    echo "== $1: $how, after $SECONDS s in all"
}

# numbers PART AREAS...: tests, in the background.
numbers() {
    local part=$1
    shift
    set -- "${@/#/tests/test_references.py::test_committed_numbers_of_keras[}"
    timeout --signal=INT --kill-after=10 $((SECONDS_IN_ALL / 4)) \
        "$PYTHON" -m pytest -v -rfE --tb=short -p no:cacheprovider -n "$workers" -m "slow or not slow" \
        "${@/%/]}" &>"$OUT/gpu-$part.log" &
}

# told LOG: which tests failed and by how much.
told() { grep -E '^(FAILED|ERROR)|^E .*([a-z]: |Max abs)|[0-9]+ (passed|failed|error)' "$1" | cut -c 1-160 | tail -n 20; }

if wants highest || wants tf32; then
    workers=$(($(nproc) > 3 ? $(nproc) / 2 - 1 : 1))
    platforms=$([ "$DEVICE" = gpu ] && echo cuda,cpu || echo cpu)
    # Small products need not be tuned. XLA ends the process for a flag that it does not know, so that is tried first.
    flags="${XLA_FLAGS:-} --xla_gpu_autotune_level=0"
    XLA_FLAGS=$flags JAX_PLATFORMS=cpu "$PYTHON" -c "import jax; jax.devices()" &>/dev/null || flags=${XLA_FLAGS:-}
    (
        set -m # else what runs in the background ignores the signal of `timeout`
        export XLA_FLAGS=$flags JAX_PLATFORMS=$platforms XLA_PYTHON_CLIENT_PREALLOCATE=false
        if wants highest; then
            # shellcheck disable=SC2086  # several arguments
            JAX_DEFAULT_MATMUL_PRECISION=highest numbers highest $HIGHEST
            highest=$!
        fi
        if wants tf32; then
            # shellcheck disable=SC2086
            MINIDL_TESTS_TF32=1 numbers tf32 $TF32
            tf32=$!
        fi
        ! wants highest || { wait "$highest"; echo $? >"$work/highest"; }
        ! wants tf32 || { wait "$tf32"; echo $? >"$work/tf32"; }
    )
    for part in highest tf32; do
        ! wants $part || { told "$OUT/gpu-$part.log"; finish $part "$(cat "$work/$part")"; }
    done
fi

if wants benchmarks; then
    budget=$((SECONDS_IN_ALL - SECONDS - 10)) last=()
    [ -z "$PEERS_AT_LAST" ] || last=(--peers "$PEERS_AT_LAST")
    # shellcheck disable=SC2086
    timeout --signal=INT --kill-after=5 $((budget + 10)) \
        "$PYTHON" -m benchmarks $WORKLOADS --device "$DEVICE" $UTILIZATION --divide "$DIVIDE" --rounds 1 --limit 90 \
        --peers "$PEERS" "${last[@]}" --budget "$budget" --json "$OUT/$(date -u +%Y-%m-%dT%H%M%SZ)-gpu.json" 2>&1 |
        tee "$OUT/gpu-benchmarks.log"
    finish benchmarks "${PIPESTATUS[0]}"
fi

echo "== results in $OUT, after $SECONDS s"
[ ${#failed[@]} -eq 0 ] || { echo "== FAILED: ${failed[*]}" && exit 1; }
