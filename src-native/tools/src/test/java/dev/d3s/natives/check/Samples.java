package dev.d3s.natives.check;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.time.LocalDate;
import java.time.ZoneOffset;

import com.oracle.svm.core.annotate.Alias;
import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;
import com.oracle.svm.core.annotate.TargetElement;

/** Classes that a jar of a test has; none of them is ever started. */
final class Samples {
    private Samples() {}

    /** A provider of a service. */
    static final class Provider implements Runnable {
        @Override
        public void run() {}
    }

    /** Asks for a class by name. */
    static final class Reflective {
        private Reflective() {}

        static Class<?> load(String name) throws ClassNotFoundException {
            return Class.forName(name);
        }
    }

    /** Is made by native code. */
    static final class Made {
        int handle;

        Made(long address, int length) {
            handle = (int) address + length;
        }

        native byte[] read(Reader reader);
    }

    /** Is in the signature of a native method. */
    static class Reader {
        int fill(byte[] buffer, int offset) {
            return buffer.length - offset;
        }
    }

    /** Is thrown by native code. */
    @SuppressWarnings("serial")
    static final class Failure extends RuntimeException {
        Failure(String message) {
            super(message);
        }
    }

    /** Calls a native function. */
    static final class Foreign {
        private Foreign() {}

        static MethodHandle page() {
            return Linker.nativeLinker()
                .downcallHandle(
                        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
        }
    }

    /** Has memory that threads share. */
    static final class Sharing {
        private Sharing() {}

        static Arena arena() {
            return Arena.ofShared();
        }
    }

    /** Finds something out when it starts. */
    static final class Early {
        static final long START = Clock.now();

        private Early() {}
    }

    /** What that asks. */
    static final class Clock {
        private Clock() {}

        static long now() {
            return System.nanoTime();
        }
    }

    /** Has the day on which it starts. */
    @SuppressWarnings("TimeInStaticInitializer")
    static final class Today {
        static final LocalDate TODAY = LocalDate.now(ZoneOffset.UTC);

        private Today() {}
    }

    /** Has a date that is the same everywhere. */
    static final class Dated {
        static final LocalDate FIRST = LocalDate.of(2025, 1, 1);

        private Dated() {}
    }

    /** Has what the command line says. */
    static final class Told {
        static final boolean LOUD = Boolean.getBoolean("loud");

        private Told() {}
    }

    /** Stands for {@link Reader} in a signature. */
    @TargetClass(Reader.class)
    static final class ReaderAlias {}

    /** Is put in the place of methods of {@link Made}. */
    @TargetClass(className = "dev.d3s.natives.check.Samples$Made")
    static final class Substituted {
        @Alias
        int handle;

        @Substitute
        @TargetElement(name = TargetElement.CONSTRUCTOR_NAME)
        void make(long address, int length) {
            handle = length;
        }

        @Substitute
        byte[] read(ReaderAlias reader) {
            return new byte[handle];
        }
    }

    /** Is for methods that {@link Made} does not have. */
    @TargetClass(Made.class)
    static final class Outdated {
        @Alias
        long handle;

        @Substitute
        static byte[] read(ReaderAlias reader) {
            return new byte[0];
        }

        @Substitute
        byte[] read(ReaderAlias reader, int most) {
            return new byte[most];
        }
    }
}
