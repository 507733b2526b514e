package dev.d3s.natives.substitutions;

import java.io.IOException;
import java.nio.ByteBuffer;

import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;
import com.oracle.svm.core.annotate.TargetElement;

/**
 * Parquet with LZ4 in files that Hadoop wrote takes a library that the server does not have. On a JVM that shows when such a file is read; an
 * executable could not be built with code that names it.
 */
@TargetClass(className = "dev.hardwood.internal.compression.lz4.Lz4Decompressor")
final class WithoutLz4 {
    @Substitute
    @TargetElement(name = TargetElement.CONSTRUCTOR_NAME)
    void start() {}

    @Substitute
    @SuppressWarnings({"UnusedMethod", "DoNotCallSuggester"}) // the builder puts it in the place of the other
    byte[] decompress(ByteBuffer compressed, int uncompressedSize) throws IOException {
        throw new IOException("Parquet compressed with LZ4 cannot be read");
    }
}
