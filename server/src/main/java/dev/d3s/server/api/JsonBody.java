package dev.d3s.server.api;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.ext.Provider;

import org.jboss.resteasy.reactive.server.core.CurrentRequestManager;
import org.jboss.resteasy.reactive.server.core.ResteasyReactiveRequestContext;
import org.jboss.resteasy.reactive.server.spi.ResteasyReactiveResourceInfo;
import org.jboss.resteasy.reactive.server.spi.ServerMessageBodyReader;
import org.jboss.resteasy.reactive.server.spi.ServerRequestContext;

import dev.d3s.server.config.RequestLimits;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.rollout.BusyException;

/**
 * Reads the text of JSON requests, each up to a limit, and all that are being answered up to a share of the heap: whoever sends
 * many large ones at once is asked to come back. Uploads do not pass here, they stream to the disk. Thread-safe.
 */
@Provider
@Consumes(MediaType.APPLICATION_JSON)
class JsonBody implements ServerMessageBodyReader<String> {
    private static final int BLOCK = 1 << 16;
    /** What a body costs while its request is answered, by its length: text, tree, and what is made of it. */
    private static final int COST = 8;

    private final long limit;
    private final long together;
    private final AtomicLong held = new AtomicLong();

    @Inject
    JsonBody(RequestLimits limits) {
        this(limits.json(), Math.max(2 * COST * limits.json(), Runtime.getRuntime().maxMemory() / 2));
    }

    JsonBody(long limit, long together) {
        this.limit = limit;
        this.together = together;
    }

    @Override
    public boolean isReadable(Class<?> type, Type genericType, ResteasyReactiveResourceInfo lazyMethod,
            MediaType mediaType) {
        return type == String.class;
    }

    @Override
    public boolean isReadable(Class<?> type, Type genericType, java.lang.annotation.Annotation[] annotations,
            MediaType mediaType) {
        return type == String.class;
    }

    @Override
    public String readFrom(Class<String> type, Type genericType, MediaType mediaType, ServerRequestContext context)
            throws IOException {
        AtomicInteger mine = new AtomicInteger();
        ResteasyReactiveRequestContext request = CurrentRequestManager.get();
        if (request != null) {
            request.registerCompletionCallback(failure -> held.addAndGet(-(long) COST * mine.getAndSet(0)));
        }
        return read(context.getInputStream(), mine);
    }

    @Override
    public String readFrom(Class<String> type, Type genericType, java.lang.annotation.Annotation[] annotations,
            MediaType mediaType, jakarta.ws.rs.core.MultivaluedMap<String, String> headers, InputStream body)
            throws IOException {
        AtomicInteger mine = new AtomicInteger();
        try {
            return read(body, mine);
        } finally {
            held.addAndGet(-(long) COST * mine.get());
        }
    }

    /** @param mine counts the bytes that are held for this body */
    String read(InputStream body, AtomicInteger mine) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        byte[] block = new byte[BLOCK];
        for (int count = body.read(block); count >= 0; count = body.read(block)) {
            if (bytes.size() + (long) count > limit) {
                throw new RequestTooLargeException("The request has more than " + limit
                        + " bytes (d3s.requests.limit): send less, or upload it with POST /v1/files.");
            }
            if (held.addAndGet((long) COST * count) > together) {
                held.addAndGet(-(long) COST * count);
                throw new BusyException("The server is reading as many large requests as its memory holds; "
                        + "try again in a moment.", 1);
            }
            mine.addAndGet(count);
            bytes.write(block, 0, count);
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes.toByteArray())).toString();
        } catch (CharacterCodingException e) {
            throw new InvalidRequestException(
                    List.of(new Mistake(null, "invalid_json", "The request is not UTF-8, as JSON must be.")));
        }
    }

    /** For the test. */
    long held() {
        return held.get();
    }
}
