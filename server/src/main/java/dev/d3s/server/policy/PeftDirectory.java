package dev.d3s.server.policy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.SafeTensors;
import dev.d3s.server.model.TensorType;

/**
 * Adapters in the layout of Hugging Face's PEFT library: {@code adapter_config.json} and {@code adapter_model.safetensors}
 * with fp32 values. Stateless; any thread.
 */
public final class PeftDirectory {
    private static final ObjectMapper JSON = new ObjectMapper();

    private PeftDirectory() {}

    /**
     * Writes a directory and makes its files durable; nothing may update the adapters meanwhile.
     *
     * @param directory created when absent
     * @param base the model that the adapters belong to
     */
    public static void write(Path directory, Adapter adapter, Path base) throws IOException {
        Files.createDirectories(directory);
        List<SafeTensors.Source> tensors = new ArrayList<>();
        List<Parameter> parameters = adapter.values().parameters();
        for (int index = 0; index < parameters.size(); index++) {
            Parameter parameter = parameters.get(index);
            tensors.add(new SafeTensors.Source(parameter.name(), TensorType.F32, parameter.shape(),
                    adapter.values().values(index)));
        }
        SafeTensors.write(directory.resolve("adapter_model.safetensors"), Map.of("format", "pt"), tensors);
        byte[] text = JSON.writerWithDefaultPrettyPrinter()
            .writeValueAsString(config(adapter.settings(), base))
            .getBytes(StandardCharsets.UTF_8);
        try (FileChannel channel = FileChannel.open(directory.resolve("adapter_config.json"), StandardOpenOption.CREATE,
                StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer bytes = ByteBuffer.wrap(text);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
    }

    /** What PEFT needs to know; it has defaults for the rest. */
    private static ObjectNode config(LoraSettings settings, Path base) {
        ObjectNode config = JSON.createObjectNode();
        config.put("peft_type", "LORA");
        config.put("task_type", "CAUSAL_LM");
        config.put("base_model_name_or_path", base.toString());
        config.put("r", settings.rank());
        if (settings.alpha() == Math.rint(settings.alpha())) {
            config.put("lora_alpha", (long) settings.alpha());
        } else {
            config.put("lora_alpha", settings.alpha());
        }
        config.put("lora_dropout", 0.0);
        config.put("use_rslora", settings.rankStabilized());
        ArrayNode targets = config.putArray("target_modules");
        settings.targets().forEach(target -> targets.add(target.word()));
        config.put("bias", "none");
        config.put("fan_in_fan_out", false);
        config.put("inference_mode", true);
        return config;
    }
}
