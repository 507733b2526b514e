package dev.d3s.server.model;

/**
 * The families of decoder-only transformers that both engines compute. They share pre-norm blocks, grouped-query attention with rotary
 * embeddings and a SwiGLU MLP; a {@link ModelConfig} says where they differ.
 */
public enum Architecture {
    /** Qwen2 and Qwen2.5: biased query, key and value projections. */
    QWEN2("qwen2", "Qwen2ForCausalLM"),
    /** Qwen3: each query and key head is normalised before it is turned. */
    QWEN3("qwen3", "Qwen3ForCausalLM"),
    /** Llama 2, 3, 3.1 and 3.2. */
    LLAMA("llama", "LlamaForCausalLM"),
    /** Mistral 7B and its successors of the same shape. */
    MISTRAL("mistral", "MistralForCausalLM");

    private final String modelType;
    private final String className;

    Architecture(String modelType, String className) {
        this.modelType = modelType;
        this.className = className;
    }

    /** {@code model_type} of config.json. */
    public String modelType() {
        return modelType;
    }

    /** The entry of {@code architectures} in config.json. */
    public String className() {
        return className;
    }
}
