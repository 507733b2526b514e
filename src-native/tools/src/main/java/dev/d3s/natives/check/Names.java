package dev.d3s.natives.check;

/** Names of classes as the JVM, source code and C have them. */
final class Names {
    private Names() {}

    /** {@code java/lang/String} to {@code java.lang.String}. */
    static String source(String internal) {
        return internal.replace('/', '.');
    }

    /** {@code [Ljava/lang/String;} to {@code java.lang.String[]}, {@code I} to {@code int}. */
    static String ofDescriptor(String descriptor) {
        return switch (descriptor.charAt(0)) {
            case '[' -> ofDescriptor(descriptor.substring(1)) + "[]";
            case 'L' -> source(descriptor.substring(1, descriptor.length() - 1));
            case 'Z' -> "boolean";
            case 'B' -> "byte";
            case 'C' -> "char";
            case 'S' -> "short";
            case 'I' -> "int";
            case 'J' -> "long";
            case 'F' -> "float";
            case 'D' -> "double";
            case 'V' -> "void";
            default -> throw new IllegalArgumentException(descriptor);
        };
    }

    /** {@code java.lang.String[]} to {@code [Ljava/lang/String;}, {@code int} to {@code I}. */
    static String descriptor(String source) {
        if (source.endsWith("[]")) {
            return "[" + descriptor(source.substring(0, source.length() - 2));
        }
        return switch (source) {
            case "boolean" -> "Z";
            case "byte" -> "B";
            case "char" -> "C";
            case "short" -> "S";
            case "int" -> "I";
            case "long" -> "J";
            case "float" -> "F";
            case "double" -> "D";
            case "void" -> "V";
            default -> "L" + source.replace('.', '/') + ";";
        };
    }

    /** The symbol of a class's native methods up to the method's name, {@code Java_org_sqlite_core_NativeDB_}. */
    static String symbol(String internal) {
        StringBuilder symbol = new StringBuilder("Java_");
        for (int i = 0; i < internal.length(); i++) {
            char character = internal.charAt(i);
            switch (character) {
                case '/' -> symbol.append('_');
                case '_' -> symbol.append("_1");
                case '$' -> symbol.append("_00024");
                default -> symbol.append(character);
            }
        }
        return symbol.append('_').toString();
    }

    /** A method's descriptor without what it returns, {@code ([BII)}. */
    static String parameters(String descriptor) {
        return descriptor.substring(0, descriptor.indexOf(')') + 1);
    }
}
