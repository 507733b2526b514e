package dev.d3s.natives.check;

import java.lang.classfile.Annotation;
import java.lang.classfile.AnnotationValue;
import java.lang.classfile.AttributedElement;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassModel;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.reflect.AccessFlag;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Holds substitutions to what they are put in the place of. A builder refuses one whose class, field or method is gone or has
 * other parameters, and without a builder nobody would notice that a library has changed.
 */
final class SubstitutionCheck {
    private static final String PACKAGE = "Lcom/oracle/svm/core/annotate/";

    private final ClassPath path;
    /** Descriptors of our classes that stand for others, and of those others. */
    private final Map<String, ClassDesc> targets = new HashMap<>();

    private SubstitutionCheck(ClassPath path) {
        this.path = path;
    }

    static List<Finding> check(ClassPath path, List<ClassPath.Jar> jars) {
        SubstitutionCheck check = new SubstitutionCheck(path);
        Map<ClassModel, ClassDesc> substitutions = new LinkedHashMap<>();
        for (ClassPath.Jar jar : jars) {
            if (!ResourceCheck.isOurs(jar)) {
                continue; // others' are for versions and platforms that a builder asks about
            }
            for (ClassModel model : path.written(jar)) {
                annotation(model, "TargetClass").ifPresent(target -> {
                    substitutions.put(model, named(target));
                    check.targets.put(model.thisClass().asSymbol().descriptorString(), named(target));
                });
            }
        }
        List<Finding> findings = new ArrayList<>();
        substitutions.forEach((model, target) -> findings.addAll(check.findings(model, target)));
        return findings;
    }

    private List<Finding> findings(ClassModel substitution, ClassDesc target) {
        String name = Names.source(substitution.thisClass().asInternalName());
        ClassModel original = path.find(internal(target));
        if (original == null) {
            return List.of(new Finding(Finding.Kind.SUBSTITUTION, name,
                    "it is for " + Names.source(internal(target)) + ", which is in no jar"));
        }
        List<Finding> findings = new ArrayList<>();
        for (MethodModel method : substitution.methods()) {
            if (isFor(method)) {
                String wanted = name(method, method.methodName().stringValue());
                MethodTypeDesc type = original(method.methodTypeSymbol());
                boolean fixed = method.flags().has(AccessFlag.STATIC);
                if (original.methods()
                    .stream()
                    .noneMatch(each -> each.methodName().equalsString(wanted)
                            && each.methodTypeSymbol().equals(type) && each.flags().has(AccessFlag.STATIC) == fixed)) {
                    findings.add(missing(name, target, wanted + type.displayDescriptor(), fixed));
                }
            }
        }
        for (FieldModel field : substitution.fields()) {
            if (isFor(field)) {
                String wanted = name(field, field.fieldName().stringValue());
                ClassDesc type = original(field.fieldTypeSymbol());
                boolean fixed = field.flags().has(AccessFlag.STATIC);
                if (original.fields()
                    .stream()
                    .noneMatch(each -> each.fieldName().equalsString(wanted) && each.fieldTypeSymbol().equals(type)
                            && each.flags().has(AccessFlag.STATIC) == fixed)) {
                    findings.add(missing(name, target, wanted + " of type " + type.displayName(), fixed));
                }
            }
        }
        return findings;
    }

    private static Finding missing(String name, ClassDesc target, String member, boolean fixed) {
        return new Finding(Finding.Kind.SUBSTITUTION, name,
                Names.source(internal(target)) + " has no " + (fixed ? "static " : "") + member
                        + ": look at what became of it, and change the substitution");
    }

    private static boolean isFor(AttributedElement member) {
        return annotation(member, "Substitute").isPresent() || annotation(member, "Alias").isPresent();
    }

    private static String name(AttributedElement member, String own) {
        return annotation(member, "TargetElement").flatMap(element -> text(element, "name")).orElse(own);
    }

    private MethodTypeDesc original(MethodTypeDesc type) {
        return MethodTypeDesc.of(original(type.returnType()),
                type.parameterList().stream().map(this::original).toList());
    }

    private ClassDesc original(ClassDesc type) {
        if (type.isArray()) {
            return original(type.componentType()).arrayType();
        }
        return targets.getOrDefault(type.descriptorString(), type);
    }

    private static ClassDesc named(Annotation target) {
        return text(target, "className").map(ClassDesc::of)
            .or(() -> target.elements()
                .stream()
                .filter(element -> element.name().equalsString("value"))
                .map(element -> ((AnnotationValue.OfClass) element.value()).classSymbol())
                .findFirst())
            .orElseThrow(() -> new IllegalArgumentException("A substitution names no class"));
    }

    private static Optional<String> text(Annotation annotation, String element) {
        return annotation.elements()
            .stream()
            .filter(each -> each.name().equalsString(element))
            .map(each -> ((AnnotationValue.OfString) each.value()).stringValue())
            .filter(text -> !text.isEmpty())
            .findFirst();
    }

    private static Optional<Annotation> annotation(AttributedElement element, String name) {
        return element.findAttribute(Attributes.runtimeVisibleAnnotations())
            .stream()
            .flatMap(attribute -> attribute.annotations().stream())
            .filter(annotation -> annotation.className().equalsString(PACKAGE + name + ";"))
            .findFirst();
    }

    private static String internal(ClassDesc type) {
        String descriptor = type.descriptorString();
        return descriptor.substring(1, descriptor.length() - 1);
    }
}
