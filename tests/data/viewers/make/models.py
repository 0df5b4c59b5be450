"""Small models, by the libraries of gguf and safetensors; written here."""

import gguf
import numpy
from safetensors.numpy import save_file

writer = gguf.GGUFWriter("model.gguf", "llama")
writer.add_name("A small model")
writer.add_license("MIT")
writer.add_context_length(2048)
writer.add_block_count(1)
writer.add_token_list([f"token {n}" for n in range(300)])
writer.add_token_scores([0.5] * 300)
writer.add_tensor("token_embd.weight", numpy.zeros((16, 32), dtype=numpy.float32))
writer.add_tensor("output_norm.weight", numpy.zeros(32, dtype=numpy.float16))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

save_file(
    {
        "embed.weight": numpy.zeros((16, 32), dtype=numpy.float32),
        "norm.bias": numpy.zeros(32, dtype=numpy.float16),
    },
    "model.safetensors",
    metadata={"format": "np"},
)
