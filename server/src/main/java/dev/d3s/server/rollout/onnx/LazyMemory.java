package dev.d3s.server.rollout.onnx;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Memory that the operating system gives page by page when it is first written, and takes back on request: a slot may have
 * room for the whole context and cost only what is in it. Thread-safe.
 */
final class LazyMemory {
    private static final int READ_AND_WRITE = 3;
    private static final int PRIVATE_ANONYMOUS_UNRESERVED = 0x4022;
    private static final int DONT_NEED = 4;
    private static final int NO_HUGE_PAGES = 15;
    private static final long PAGE = 4096;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final MethodHandle MAP = function("mmap", FunctionDescriptor.of(ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));
    private static final MethodHandle UNMAP = function("munmap",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    private static final MethodHandle ADVISE = function("madvise", FunctionDescriptor.of(ValueLayout.JAVA_INT,
            ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));

    private LazyMemory() {}

    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(LINKER.defaultLookup().find(name).orElseThrow(), descriptor);
    }

    /**
     * Zeros, until they are written.
     *
     * @throws OutOfMemoryError when there are no addresses left
     */
    static MemorySegment allocate(long bytes, Arena arena) {
        long address = (long) call(MAP, 0L, bytes, READ_AND_WRITE, PRIVATE_ANONYMOUS_UNRESERVED, -1, 0L);
        if (address == -1) {
            throw new OutOfMemoryError("mmap refused " + bytes + " bytes");
        }
        // Huge pages would make memory of everything around what is written.
        call(ADVISE, address, bytes, NO_HUGE_PAGES);
        return MemorySegment.ofAddress(address).reinterpret(bytes, arena, segment -> call(UNMAP, address, bytes));
    }

    /** Gives the pages that lie wholly inside back; they are zeros again. */
    static void release(MemorySegment segment) {
        long from = (segment.address() + PAGE - 1) / PAGE * PAGE;
        long to = (segment.address() + segment.byteSize()) / PAGE * PAGE;
        if (to > from) {
            call(ADVISE, from, to - from, DONT_NEED);
        }
    }

    private static Object call(MethodHandle function, Object... arguments) {
        try {
            return function.invokeWithArguments(arguments);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
