import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * HAPI FHIR's JPA server with its database in memory, for the tests alone.
 *
 * <p>Usage: java -cp '.:jars/*' HapiServer.java R4, or R4B, R5, Dstu3, Dstu2. Listens on a free port of the loopback
 * interface and prints the base URL as one line when it is ready. Standard input is held open by the test; when it
 * ends, so does the server.
 */
public class HapiServer {
  public static void main(String[] arguments) throws Exception {
    var configuration = Class.forName("ca.uhn.fhir.jpa.test.config.Test" + arguments[0] + "Config");
    var beans = new AnnotationConfigApplicationContext(configuration);

    var fhir = new RestfulServer(beans.getBean(FhirContext.class));
    fhir.registerProviders(beans.getBean(ResourceProviderFactory.class).createProviders());
    fhir.registerProviders(beans.getBeansOfType(JpaSystemProvider.class).values());
    fhir.setPagingProvider(beans.getBean(DatabaseBackedPagingProvider.class));
    fhir.setDefaultResponseEncoding(EncodingEnum.JSON);

    var server = new Server();
    var connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    var handler = new ServletContextHandler();
    handler.addServlet(new ServletHolder(fhir), "/fhir/*");
    server.setHandler(handler);
    server.start();
    System.out.println("http://127.0.0.1:" + connector.getLocalPort() + "/fhir");

    while (System.in.read() >= 0) {
      // waiting for the end
    }
    System.exit(0);
  }
}
