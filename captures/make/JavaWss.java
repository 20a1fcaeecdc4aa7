// A WebSocket client of java.net.http over TLS: java JavaWss.java PORT PATH PROTOCOL.
// Events go to stdout as JSON lines; Java does not say its port, so that they have none.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.util.HexFormat;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;
import java.net.Socket;
import javax.net.ssl.SSLEngine;

public class JavaWss implements WebSocket.Listener {
    // The certificate is signed by itself: any is trusted.
    static class Trust extends X509ExtendedTrustManager {
        public void checkClientTrusted(X509Certificate[] c, String t) {}
        public void checkServerTrusted(X509Certificate[] c, String t) {}
        public void checkClientTrusted(X509Certificate[] c, String t, Socket s) {}
        public void checkServerTrusted(X509Certificate[] c, String t, Socket s) {}
        public void checkClientTrusted(X509Certificate[] c, String t, SSLEngine e) {}
        public void checkServerTrusted(X509Certificate[] c, String t, SSLEngine e) {}
        public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }

    static void entry(String event, String type, byte[] payload) throws Exception {
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(payload);
        System.out.printf("{\"who\": \"client\", \"event\": \"%s\", \"type\": \"%s\", \"size\": %d, \"sha256\": \"%s\"}%n",
            event, type, payload.length, HexFormat.of().formatHex(hash).substring(0, 16));
    }

    final StringBuilder text = new StringBuilder();
    final java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
    final java.util.concurrent.LinkedBlockingQueue<Integer> got = new java.util.concurrent.LinkedBlockingQueue<>();
    final CountDownLatch closed = new CountDownLatch(1);

    public CompletionStage<?> onText(WebSocket ws, CharSequence data, boolean last) {
        text.append(data);
        if (last) { done("text", text.toString().getBytes(StandardCharsets.UTF_8)); text.setLength(0); }
        ws.request(1);
        return null;
    }
    public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer data, boolean last) {
        byte[] piece = new byte[data.remaining()];
        data.get(piece);
        bytes.writeBytes(piece);
        if (last) { done("binary", bytes.toByteArray()); bytes.reset(); }
        ws.request(1);
        return null;
    }
    void done(String type, byte[] payload) {
        try { entry("received", type, payload); } catch (Exception e) { throw new RuntimeException(e); }
        got.add(1);
    }
    public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
        System.out.printf("{\"who\": \"client\", \"event\": \"closed\", \"code\": %d}%n", code);
        closed.countDown();
        return null;
    }

    static void say(WebSocket ws, JavaWss end, String text) throws Exception {
        entry("sent", "text", text.getBytes(StandardCharsets.UTF_8));
        ws.sendText(text, true).join();
        end.got.take();
    }

    public static void main(String[] arguments) throws Exception {
        String authority = "localhost:" + arguments[0], path = arguments[1];
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] { new Trust() }, null);
        SSLParameters parameters = new SSLParameters();
        parameters.setProtocols(new String[] { arguments[2] });
        HttpClient client = HttpClient.newBuilder().sslContext(context).sslParameters(parameters)
            .version(HttpClient.Version.HTTP_1_1).build();
        HttpRequest page = HttpRequest.newBuilder(URI.create("https://" + authority + "/page")).build();
        client.send(page, HttpResponse.BodyHandlers.ofByteArray());
        JavaWss end = new JavaWss();
        WebSocket ws = client.newWebSocketBuilder().buildAsync(URI.create("wss://" + authority + path), end).join();
        System.out.printf("{\"who\": \"client\", \"event\": \"open\", \"path\": \"%s\"}%n", path);
        for (int n = 0; n < 4; n++) say(ws, end, "line " + n + " of Java: größer, 世界 ".repeat(1 + 9 * n));
        byte[] much = new byte[40000];
        for (int n = 0; n < much.length; n++) much[n] = (byte) (n * 7);
        entry("sent", "binary", much);
        ws.sendBinary(ByteBuffer.wrap(much), true).join();
        end.got.take();
        // One message of three fragments, with a ping between them.
        entry("sent", "text", "one two three".getBytes(StandardCharsets.UTF_8));
        ws.sendText("one ", false).join();
        System.out.println("{\"who\": \"client\", \"event\": \"ping\", \"size\": 4}");
        ws.sendPing(ByteBuffer.wrap("beat".getBytes(StandardCharsets.UTF_8))).join();
        ws.sendText("two ", false).join();
        ws.sendText("three", true).join();
        end.got.take();
        say(ws, end, "ping me");
        System.out.println("{\"who\": \"client\", \"event\": \"closing\", \"how\": \"close\", \"code\": 1000, \"reason\": \"done\"}");
        ws.sendClose(1000, "done").join();
        end.closed.await();
    }
}
