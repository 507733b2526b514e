package dev.d3s.natives.record;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordingAgentTest {
    @TempDir
    Path directory;

    /** Asks for things by name, in every way that is noted. */
    public static final class Asking {
        private Asking() {}

        /** @return something that depends on all of it */
        public static String ask(boolean more) throws Exception {
            StringBuilder answer = new StringBuilder();
            answer.append(Class.forName("java.lang.Long").getSimpleName());
            answer.append(Class.forName("java.util." + (more ? "List" : "Set"), false, null).getSimpleName());
            answer.append(String.class.getMethod("substring", int.class, int.class).getName());
            answer.append(String.class.getDeclaredConstructor(char[].class).getParameterCount());
            answer.append(Asking.class.getResource("nothing.txt"));
            answer.append(Asking.class.getResource("/nothing.txt"));
            answer.append(Asking.class.getClassLoader().getResource("deep/nothing.txt"));
            answer.append(Integer.class.getDeclaredFields().length > 0);
            answer.append(((int[]) java.lang.reflect.Array.newInstance(int.class, 3)).length);
            Runnable proxy = (Runnable) java.lang.reflect.Proxy.newProxyInstance(Asking.class.getClassLoader(),
                    new Class<?>[]{Runnable.class}, (self, method, arguments) -> null);
            proxy.run();
            return answer.toString();
        }
    }

    /** Defines changed classes beside the usual ones. */
    private static final class ChangedClasses extends ClassLoader {
        private final String name = Asking.class.getName();

        ChangedClasses() {
            super(RecordingAgentTest.class.getClassLoader());
        }

        Class<?> changed() throws IOException {
            try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
                assertThat(in).isNotNull();
                byte[] changed = RecordingAgent.changed(this, "ai/djl/Caller", in.readAllBytes());
                assertThat(changed).as("it asks for something").isNotNull();
                return defineClass(name, changed, 0, changed.length);
            }
        }
    }

    @Test
    void shouldNoteWhatIsAskedForAndChangeNothingElse() throws Exception {
        Path file = directory.resolve("recording");
        Recording.start(file);
        Object said = ask(new ChangedClasses().changed());
        assertThat(said).isEqualTo(Asking.ask(true)).isEqualTo("LongListsubstring1nullnullnulltrue3");
        assertThat(Files.readAllLines(file)).containsExactlyInAnyOrderElementsOf(List.of(
                "class\tai.djl.Caller\tjava.lang.Long", "class\tai.djl.Caller\tjava.util.List",
                "member\tai.djl.Caller\tjava.lang.String\tsubstring(II)",
                "member\tai.djl.Caller\tjava.lang.String\t<init>([C)",
                "resource\tai.djl.Caller\tdev/d3s/natives/record/nothing.txt",
                "resource\tai.djl.Caller\tnothing.txt", "resource\tai.djl.Caller\tdeep/nothing.txt",
                "members\tai.djl.Caller\tjava.lang.Integer\tgetDeclaredFields",
                "class\tai.djl.Caller\tint[]", "proxy\tai.djl.Caller\tjava.lang.Runnable"));
    }

    @Test
    void shouldNoteOfOthersOnlyWhatTheyAskOfOurs() throws Exception {
        Path file = directory.resolve("recording");
        Recording.start(file);
        Recording.note("Class.getDeclaredFields", "com.fasterxml.jackson.Asking", new Object[]{Short.class});
        Recording.note("Class.getDeclaredFields", "com.fasterxml.jackson.Asking", new Object[]{RecordingAgent.class});
        assertThat(file).hasContent("members\tcom.fasterxml.jackson.Asking\tdev.d3s.natives.record.RecordingAgent\t"
                + "getDeclaredFields");
    }

    private static Object ask(Class<?> type) throws Exception {
        try {
            return type.getMethod("ask", boolean.class).invoke(null, true);
        } catch (InvocationTargetException e) {
            throw new AssertionError(e.getCause());
        }
    }
}
