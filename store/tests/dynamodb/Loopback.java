import java.io.OutputStream;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import software.amazon.dynamodb.services.local.main.ServerRunner;

/**
 * DynamoDB Local, which by itself listens on every interface, on the loopback interface alone. Says which port it has,
 * and ends when its standard input does: with the test that started it, however that one ends.
 */
public class Loopback {
  public static void main(String[] arguments) throws Exception {
    var local = ServerRunner.createServerFromCommandLineArgs(arguments);
    var field = local.getClass().getDeclaredField("server");
    field.setAccessible(true);
    var connectors = ((Server) field.get(local)).getConnectors();
    for (var connector : connectors) {
      ((ServerConnector) connector).setHost("127.0.0.1");
      // Any that is free: the one of the arguments is not used.
      ((ServerConnector) connector).setPort(0);
    }
    local.start();
    System.out.println("port " + ((ServerConnector) connectors[0]).getLocalPort());
    System.in.transferTo(OutputStream.nullOutputStream());
    System.exit(0);
  }
}
