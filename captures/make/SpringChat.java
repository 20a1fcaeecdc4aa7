// A chat room on Spring's SimpleBroker, with Tomcat's WebSocket (Debian's Spring is built
// without its STOMP codec: frames are read and written here):
//   java -cp ... SpringChat.java PORT
// /app/chat is said again to all of /topic/public, as in Spring's own guide.
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import javax.websocket.CloseReason;
import javax.websocket.Endpoint;
import javax.websocket.EndpointConfig;
import javax.websocket.MessageHandler;
import javax.websocket.Session;
import javax.websocket.server.ServerContainer;
import javax.websocket.server.ServerEndpointConfig;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.websocket.server.WsSci;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageChannel;
import org.springframework.messaging.simp.SimpMessageHeaderAccessor;
import org.springframework.messaging.simp.SimpMessageType;
import org.springframework.messaging.simp.broker.SimpleBrokerMessageHandler;
import org.springframework.messaging.support.ExecutorSubscribableChannel;
import org.springframework.messaging.support.MessageBuilder;
import org.springframework.messaging.support.MessageHeaderAccessor;
import org.springframework.scheduling.concurrent.ConcurrentTaskScheduler;

public class SpringChat {
    static final ExecutorSubscribableChannel IN = new ExecutorSubscribableChannel(Executors.newFixedThreadPool(2));
    static final ExecutorSubscribableChannel OUT = new ExecutorSubscribableChannel(Executors.newSingleThreadExecutor());
    static final ExecutorSubscribableChannel BROKER = new ExecutorSubscribableChannel();
    static final AtomicLong NUMBER = new AtomicLong();
    static final Map<String, Session> SESSIONS = new ConcurrentHashMap<>();
    static final Map<String, SimpMessageType> TYPES = Map.of("CONNECT", SimpMessageType.CONNECT, "STOMP", SimpMessageType.CONNECT,
        "SEND", SimpMessageType.MESSAGE, "SUBSCRIBE", SimpMessageType.SUBSCRIBE, "UNSUBSCRIBE", SimpMessageType.UNSUBSCRIBE,
        "DISCONNECT", SimpMessageType.DISCONNECT);

    public static class Ends extends Endpoint {
        @Override
        public void onOpen(Session session, EndpointConfig config) {
            SESSIONS.put(session.getId(), session);
            session.addMessageHandler(String.class, (MessageHandler.Whole<String>) text -> IN.send(read(session.getId(), text)));
        }

        @Override
        public void onClose(Session session, CloseReason reason) {
            SESSIONS.remove(session.getId());
            SimpMessageHeaderAccessor head = SimpMessageHeaderAccessor.create(SimpMessageType.DISCONNECT);
            head.setSessionId(session.getId());
            IN.send(MessageBuilder.createMessage(new byte[0], head.getMessageHeaders()));
        }
    }

    // One frame, or a newline, as the broker takes it.
    static Message<byte[]> read(String session, String text) {
        if (text.isBlank()) {
            SimpMessageHeaderAccessor beat = SimpMessageHeaderAccessor.create(SimpMessageType.HEARTBEAT);
            beat.setSessionId(session);
            return MessageBuilder.createMessage(new byte[0], beat.getMessageHeaders());
        }
        int end = text.indexOf("\n\n");
        String[] lines = text.substring(0, end).split("\n");
        SimpMessageHeaderAccessor head = SimpMessageHeaderAccessor.create(TYPES.get(lines[0]));
        head.setSessionId(session);
        head.setSessionAttributes(new ConcurrentHashMap<>());
        head.setHeader("heartbeat", new long[] {500, 500});
        for (int n = 1; n < lines.length; n++) {
            String[] pair = lines[n].split(":", 2);
            if (pair[0].equals("destination")) head.setDestination(pair[1]);
            if (pair[0].equals("id")) head.setSubscriptionId(pair[1]);
            if (pair[0].equals("receipt")) head.setNativeHeader("receipt", pair[1]);
        }
        byte[] body = text.substring(end + 2, text.lastIndexOf('\0')).getBytes(StandardCharsets.UTF_8);
        return MessageBuilder.createMessage(body, head.getMessageHeaders());
    }

    // What applications do with @MessageMapping.
    static void application(Message<?> message) {
        SimpMessageHeaderAccessor head = MessageHeaderAccessor.getAccessor(message, SimpMessageHeaderAccessor.class);
        if (head.getMessageType() == SimpMessageType.MESSAGE && "/app/chat".equals(head.getDestination())) {
            SimpMessageHeaderAccessor out = SimpMessageHeaderAccessor.create(SimpMessageType.MESSAGE);
            out.setDestination("/topic/public");
            out.setContentType(head.getContentType());
            BROKER.send(MessageBuilder.createMessage(message.getPayload(), out.getMessageHeaders()));
        }
        String receipt = head.getFirstNativeHeader("receipt");
        if (receipt != null) write(head.getSessionId(), "RECEIPT", "receipt-id:" + receipt + "\n", new byte[0]);
    }

    // The broker's messages as frames, as spring-websocket makes them.
    static void toClient(Message<?> message) {
        SimpMessageHeaderAccessor head = MessageHeaderAccessor.getAccessor(message, SimpMessageHeaderAccessor.class);
        switch (head.getMessageType()) {
            case CONNECT_ACK:
                write(head.getSessionId(), "CONNECTED", "version:1.2\nheart-beat:500,500\n", new byte[0]);
                break;
            case MESSAGE:
                byte[] body = (byte[]) message.getPayload();
                write(head.getSessionId(), "MESSAGE", "destination:" + head.getDestination() + "\ncontent-type:application/json\nsubscription:"
                    + head.getSubscriptionId() + "\nmessage-id:" + head.getSessionId() + "-" + NUMBER.incrementAndGet() + "\n", body);
                break;
            case HEARTBEAT:
                send(head.getSessionId(), "\n");
                break;
            default:
        }
    }

    static void write(String session, String command, String headers, byte[] payload) {
        String length = payload.length > 0 ? "content-length:" + payload.length + "\n" : "";
        send(session, command + "\n" + headers + length + "\n" + new String(payload, StandardCharsets.UTF_8) + "\0");
    }

    static void send(String id, String text) {
        Session session = SESSIONS.get(id);
        if (session == null) return;
        synchronized (session) {
            try {
                session.getBasicRemote().sendText(text);
            } catch (java.io.IOException gone) {
                SESSIONS.remove(id);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        IN.subscribe(SpringChat::application);
        OUT.subscribe(SpringChat::toClient);
        SimpleBrokerMessageHandler broker = new SimpleBrokerMessageHandler(IN, OUT, BROKER, Collections.singleton("/topic"));
        broker.setTaskScheduler(new ConcurrentTaskScheduler());
        broker.setHeartbeatValue(new long[] {500, 500});
        broker.start();
        Tomcat tomcat = new Tomcat();
        String base = Files.createTempDirectory("tomcat").toString();
        tomcat.setBaseDir(base);
        tomcat.setPort(Integer.parseInt(arguments[0]));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        Context context = tomcat.addContext("", base);
        Tomcat.addServlet(context, "default", new javax.servlet.http.HttpServlet() { });
        context.addServletMappingDecoded("/", "default");
        context.addServletContainerInitializer(new WsSci(), null);
        context.addServletContainerInitializer((classes, servlets) -> {
            ServerContainer container = (ServerContainer) servlets.getAttribute(ServerContainer.class.getName());
            try {
                container.addEndpoint(ServerEndpointConfig.Builder.create(Ends.class, "/chat").subprotocols(java.util.List.of("v12.stomp", "v11.stomp", "v10.stomp")).build());
            } catch (javax.websocket.DeploymentException error) {
                throw new RuntimeException(error);
            }
        }, null);
        tomcat.start();
        System.out.println("listening");
        tomcat.getServer().await();
    }
}
